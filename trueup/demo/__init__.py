"""`trueup demo`: a push goes live, is broken by hand, and is repaired; every part of it real but the cluster."""
