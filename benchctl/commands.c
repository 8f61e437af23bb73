/* benchctl/commands.c - the table of subcommands, in the order of help. */
#include "benchctl/cli.h"

extern const struct command cmd_drivers;
extern const struct command cmd_units;
extern const struct command cmd_scan;
extern const struct command cmd_probe;
extern const struct command cmd_status;
extern const struct command cmd_tail;
extern const struct command cmd_get;
extern const struct command cmd_check;
extern const struct command cmd_plan;
extern const struct command cmd_sim;
extern const struct command cmd_emu;
extern const struct command cmd_run;
extern const struct command cmd_pause;
extern const struct command cmd_resume;
extern const struct command cmd_skip;
extern const struct command cmd_stop;
extern const struct command cmd_abort;
extern const struct command cmd_safe;
extern const struct command cmd_set;
extern const struct command cmd_article;
extern const struct command cmd_runs;
extern const struct command cmd_show;
extern const struct command cmd_plot;
extern const struct command cmd_analyze;
extern const struct command cmd_compare;
extern const struct command cmd_diff;
extern const struct command cmd_report;
extern const struct command cmd_export;
extern const struct command cmd_import;
extern const struct command cmd_validate;
extern const struct command cmd_procedure;
extern const struct command cmd_model;

const struct command *const commands[] = {
    &cmd_drivers,
    &cmd_units,
    &cmd_scan,
    &cmd_probe,
    &cmd_status,
    &cmd_tail,
    &cmd_get,
    &cmd_check,
    &cmd_plan,
    &cmd_sim,
    &cmd_emu,
    &cmd_run,
    &cmd_pause,
    &cmd_resume,
    &cmd_skip,
    &cmd_stop,
    &cmd_abort,
    &cmd_safe,
    &cmd_set,
    &cmd_article,
    &cmd_runs,
    &cmd_show,
    &cmd_plot,
    &cmd_analyze,
    &cmd_compare,
    &cmd_diff,
    &cmd_report,
    &cmd_export,
    &cmd_import,
    &cmd_validate,
    &cmd_procedure,
    &cmd_model,
    NULL,
};
