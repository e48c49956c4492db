"""How wrong labels come about: which classes are confused, and how probable it is that a label is wrong.

A network says how well each class fits a sample. If labels of class c are given as class y with probability T[c, y], Bayes' rule
says how probable each class is after the given label is seen (Patrini et al. 2017, CVPR, for the transition matrix T).
"""
