"""How the defects show in what a file declares: a rule a file, named as the rule in the folder above is."""
