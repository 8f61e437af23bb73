/* procedures/engine/grammar.c - verbs, keys and functions as a page, from the tables that the
 * compiler reads. */
#include "procedures/engine/compile_priv.h"

/* clang-format off */
static const struct {
    const char *name, *help;
} verbs[] = {
    {"charge",    "voltage source with the rate as current limit, discharge locked"  },
    {"discharge", "the same downwards"                                               },
    {"hold",      "a voltage is held, current in both directions"                    },
    {"rest",      "no current; the voltage is measured"                              },
    {"ocv",       "as rest, for what is read from it"                                },
    {"current",   "signed current source between voltage limits, for symmetric cells"},
    {"pulse",     "a short charge or discharge with its own limits"                  },
    {"drive",     "a current or a power follows a profile: the source of charge and discharge in turn"},
    {"soak",      "the chamber goes to a temperature"                                },
    {"squeeze",   "the press goes to a stack pressure"                               },
    {"set",       "set-points of other channels; returns at once"                    },
    {"wait",      "nothing is changed"                                               },
};

static const struct {
    const char *form, *help;
} steps[] = {
    {"measure: [EXPR, ...]",                                               "values into the run's measures, also {NAME: EXPR}"          },
    {"let: {NAME: EXPR}",                                                  "a register is set; `save:` as a step is the same"           },
    {"note: \"TEXT {EXPR}\"",                                              "a line in the journal, up to four values"                   },
    {"alarm: 'warn \"TEXT\"'",                                             "info, warn or severe"                                       },
    {"check: CONDITION",                                                   "not true: before the run it is not started, later it aborts"},
    {"ask: {text, kind, unit, range, options, save, sign, role, timeout}",
     "kind: yes, choice, number or text"                                                                                                },
    {"repeat: N",                                                          "with `steps`, `as`, `stop_when`; N is known before the run, 100000 at most. "
     "`as` names also the number of the turn"                                                                                                                       },
    {"each: {NAME: LIST}",                                                                    "over [A, B], A .. B by C, or a parameter that is a list"},
    {"steps: [...]",                                                                    "a block that runs once, for `as` and `stop_when`"                                                                                                                             },
    {"if: CONDITION",                                                                    "with `then` and `else`"},
    {"leave [NAME]",                                                                    "out of the innermost loop, or of the block NAME"                                                                                                                              },
    {"next [NAME]",                                                                    "the next turn"},
    {"call: {file, with, save}",                                                                    "another procedure in place; `save` takes what it returns"                                                                                                                 },
    {"end: {verdict, reason, report, next}",                                                                    "done, accepted, rejected or quarantine"},
};

static const struct {
    const char *form, *help;
} words[] = {
    {"cell.voltage",        "a channel; a bare last word where only one channel fits"            },
    {"X within TOL [of Y]", "true when X is within TOL of Y; without `of`: of the set-point of X"},
    {"CONDITION for TIME",  "true when it has held without a break for that time"                },
    {"ended by NAME",       "how the last act ended: the name of an end, or for, taper, timeout, limit, "
     "skip, stop_when, at once"                                                                            },
    {"X is WORD",                     "the answer of a choice; `cause is NAME`"   },
    {"and, or, not",                     "three-valued: a value that is not fresh is unknown, and unknown never fires"                                                                         },
    {"charge, energy, time",                     "of the step, as magnitudes"},
    {"charge_current, discharge_current",                     "cell.current in that direction, else 0"                                                            },
    {"capacity, area, electrolyte_thickness",                     "of the article; also article.energy, article.mass"},
    {"limits.voltage.high",                     "the article's window; .low; limits.charge_current ..."                                                                              },
    {"soc, cycle, cause, run.time",                     "of the run"},
    {"resistance at TIME",                     "in save: |V - V0| / |I - I0| against the last sample before the act"                                                                                       },
    {"abs(X), max(X, Y), min(X, Y)",                     "arithmetic"},
    {"rate(X over TIME)",                     "slope of a straight line"                                                                                                  },
    {"mean(X over TIME), max(X over TIME), min(X over TIME)",
     "over time; `over step` or nothing: over the step"},
    {"lowest(A), highest(A), spread(A), mean(A), sum(A)",
     "over the channels A.1, A.2 ... of an array"                                                                                                      },
    {"count(A ok)",                     "how many have a fresh value"},
    {"which lowest(A), which highest(A)",                     "the number of that channel"                                                                                },
    {"A within TOL [of Y]",                     "true when each channel of the array is; a guard on an array is one guard for each"                                                                                },
    {"group.voltage",                     "the groups of a string; a cell is its only group"                                                                                },
};
/* clang-format on */

static void put_verb(struct text *out, enum verb v, const char *help)
{
    text_add(out, "### `%s`\n\n%s.\n\n| key | meaning |\n|---|---|\n", verb_name(v), help);
    for (size_t i = 0; verb_keys[i].name; i++)
        if (verb_keys[i].verbs >> v & 1u)
            text_add(out, "| `%s` | %s |\n", verb_keys[i].name, verb_keys[i].help);
    text_add(out, "\n");
}

void grammar_reference(struct text *out)
{
    text_add(out, "## Verbs\n\n");
    for (size_t i = 0; i < ARRAY_LEN(verbs); i++) {
        enum verb v;

        if (verb_find(verbs[i].name, &v))
            put_verb(out, v, verbs[i].help);
    }
    text_add(out, "Not there yet, refused with their line:");
    for (size_t i = 0; refused_verbs[i]; i++)
        text_add(out, "%s `%s`", i > 0 ? "," : "", refused_verbs[i]);
    text_add(out, "; clock waits, `kind: scan`, `photo`, `insulation`, `sign: 2`, `quality`.\n\n## "
                  "Other steps\n\n| step | meaning |\n|---|---|\n");
    for (size_t i = 0; i < ARRAY_LEN(steps); i++)
        text_add(out, "| `%s` | %s |\n", steps[i].form, steps[i].help);
    text_add(out, "\n## Words of expressions\n\n| word | meaning |\n|---|---|\n");
    for (size_t i = 0; i < ARRAY_LEN(words); i++)
        text_add(out, "| `%s` | %s |\n", words[i].form, words[i].help);
}
