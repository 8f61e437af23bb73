/* benchctl/commands.c - the table of subcommands, in the order of help. */
#include "benchctl/cli.h"

extern const struct command cmd_emu, cmd_probe, cmd_run, cmd_safe, cmd_scan, cmd_status, cmd_drivers, cmd_units, cmd_get, cmd_check, cmd_plan, cmd_sim, cmd_set, cmd_article, cmd_runs, cmd_show, cmd_plot, cmd_diff, cmd_report, cmd_export, cmd_validate;

const struct command *const commands[] = {
    &cmd_drivers, &cmd_units, &cmd_scan, &cmd_probe, &cmd_status, &cmd_get, &cmd_check, &cmd_plan, &cmd_sim, &cmd_emu, &cmd_run, &cmd_safe, &cmd_set, &cmd_article, &cmd_runs, &cmd_show, &cmd_plot, &cmd_diff, &cmd_report, &cmd_export, &cmd_validate, NULL,
};
