"""Detectors of unusual counts in series, each a pure function of arrays [series, day].

`regression` fits many series at once; `detector` is ours; `ears`, `cusum` and `farrington` are the published ones
beside it. `estimation.early_warning` turns frames into warnings with them.
"""
