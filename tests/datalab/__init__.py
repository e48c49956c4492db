"""The Datalab plugin. Every trap of the host (cleanlab 2.9), and the test that pins it.

Registering
    internal paths, version range ............... test_registration: test_the_host_is_what_this_plugin_was_written_for
    importing is the mechanism, both orders ..... test_registration: test_every_order_of_imports_registers_the_type
    import alone loads nothing heavy ............ test_registration: test_importing_the_package_loads_nothing_heavy
    registering twice warns ..................... test_registration: test_registering_again_is_silent
    never run without being named ............... test_results: test_the_type_runs_only_when_it_is_named
Arguments
    options reach __init__ and find_issues ...... test_options (all of it), test_shared_run
    None means default .......................... test_options: test_none_means_the_default
    features are not forwarded .................. test_kinds: test_together_with_built_in_types
    image_key is not on the Datalab ............. test_options: test_image_columns
Errors
    find_issues swallows, type is missing ....... test_failures: test_a_failed_training_is_printed_and_leaves_no_results
    old results stay after a failed re-run ...... test_failures: test_a_failed_rerun_leaves_no_old_results
    what __init__ raises propagates ............. test_options, test_failures: test_unreadable_images
    callers must check the summary .............. test_add: test_a_result_that_datalab_refuses_raises
    Ctrl-C ...................................... test_failures: test_ctrl_c_...
    cleanlab switches warnings off .............. test_failures: test_no_warnings_are_used
    global generators are reseeded .............. test_shared_run: test_global_generators_...
Names
    substring views, both ways .................. test_results: test_names_leak_into_no_built_in_view, test_evidence_...
Results
    RangeIndex, types, ranges, NaN .............. test_results: test_columns, test_add: test_a_changed_suspicion_...
    make_summary ................................ test_results: test_summary
    verbosity levels, plain info, report ........ test_results: test_report_works..., test_info_is_plain
    an empty list in info hangs report .......... test_results: test_info_holds_no_empty_list
One run, two types
    written before post-processing .............. test_shared_run: test_a_failure_after_training_...
    keyed by content, options, labels ........... test_shared_run (all of it)
    a touched file is no change ................. test_shared_run: test_touched_files_...
Save, load
    with and without the plugin ................. test_save_load (all of it)
Built-ins to look alike
    classes of ClassLabel and of strings ........ test_kinds: test_classes_are_those_the_label_type_shows
    -1 passes Datalab in silence ................ test_options: test_labels_that_cannot_be_used
"""
