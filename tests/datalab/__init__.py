"""The Datalab plugin: every pitfall of cleanlab 2.9, and the test that covers it.

Registration
    internal paths, version range ............... test_registration: test_cleanlab_has_the_expected_internals
    importing registers, in any order ........... test_registration: test_every_order_of_imports_registers_the_type
    the import alone is fast .................... test_registration: test_importing_the_package_imports_nothing_slow
    registering twice warns ..................... test_registration: test_registering_again_is_silent
    types run only if requested ................. test_results: test_type_runs_only_if_requested
Arguments
    options reach __init__ and find_issues ...... test_options (all tests), test_shared_run
    None means default .......................... test_options: test_none_means_the_default
    features are not forwarded .................. test_kinds: test_together_with_built_in_types
    image_key is not on the Datalab ............. test_options: test_image_columns
Errors
    find_issues swallows errors ................. test_failures: test_a_failed_training_is_printed_and_leaves_no_results
    a failed re-run keeps old results ........... test_failures: test_a_failed_rerun_leaves_no_old_results
    errors of __init__ are raised ............... test_options, test_failures: test_unreadable_images
    callers must check the summary .............. test_add: test_error_inside_datalab_is_raised
    Ctrl-C ...................................... test_failures: test_ctrl_c_...
    cleanlab disables warnings .................. test_failures: test_no_warnings_are_used
    global generators are reseeded .............. test_shared_run: test_global_generators_...
Names
    views by substring, in both directions ...... test_results: test_names_do_not_appear_in_built_in_views, test_views_...
Results
    RangeIndex, types, ranges, NaN .............. test_results: test_columns, test_add: test_invalid_suspicion_is_refused
    make_summary ................................ test_results: test_summary
    verbosity levels, plain info, report ........ test_results: test_report_works..., test_info_is_plain
    an empty list in info hangs the report ...... test_results: test_info_holds_no_empty_list
One run, two types
    saved before post-processing ................ test_shared_run: test_a_failure_after_training_...
    keyed by content, options, labels ........... test_shared_run (all tests)
    a touched file is unchanged ................. test_shared_run: test_touched_files_...
Saving and loading
    with and without the plugin ................. test_save_load (all tests)
Agreement with built-in types
    classes of ClassLabel and of strings ........ test_kinds: test_classes_match_those_of_the_label_type
    Datalab accepts -1 silently ................. test_options: test_unusable_labels_are_refused
"""
