"""HiGHS, SCIP and clarabel behind one interface, and how long they may take."""
