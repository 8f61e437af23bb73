/* analysis/import_columns.c - a header turned into places for numbers. */
#include "analysis/import_priv.h"
#include "base/diag.h"
#include "base/err.h"

#include <string.h>

static const enum chan_kind kind_of_class[] = {
    [UNIT_NONE] = KIND_COUNT,
    [UNIT_TIME] = KIND_COUNT,
    [UNIT_VOLTAGE] = KIND_VOLTAGE_V,
    [UNIT_CURRENT] = KIND_CURRENT_A,
    [UNIT_CHARGE] = KIND_COUNT,
    [UNIT_ENERGY] = KIND_COUNT,
    [UNIT_TEMPERATURE] = KIND_TEMPERATURE_K,
    [UNIT_RESISTANCE] = KIND_RESISTANCE_OHM,
    [UNIT_PRESSURE] = KIND_PRESSURE_PA,
};

static const char *const slot_names[] = {"t_s",       "step_time_s", "voltage_v",
                                         "current_a", "cycle",       "step"};

static const char *stated_unit(const struct import_options *opt, enum unit_class class)
{
    switch (class) {
    case UNIT_TIME: return opt->time_unit;
    case UNIT_VOLTAGE: return opt->voltage_unit;
    case UNIT_CURRENT: return opt->current_unit;
    case UNIT_CHARGE: return opt->charge_unit;
    case UNIT_ENERGY: return opt->energy_unit;
    case UNIT_NONE:
    case UNIT_TEMPERATURE:
    case UNIT_RESISTANCE:
    case UNIT_PRESSURE: break;
    }
    return NULL;
}

/* Outside is what no instrument can have measured: an open thermocouple reads -2500 degC. */
static void slot_range(enum unit_class class, unsigned slot, struct slot *s)
{
    double most = class == UNIT_TEMPERATURE ? 2273.15
                  : class == UNIT_VOLTAGE   ? 1e6
                  : class == UNIT_CURRENT   ? 1e6
                  : class == UNIT_TIME      ? 3e9
                  : class == UNIT_NONE      ? 4294967295.0
                                            : 1e15;

    s->hi = most;
    s->lo = class == UNIT_TEMPERATURE ? 1e-3 : slot >= SLOT_CYCLE && slot < SLOT_EXTRA ? 0 : -most;
}

/* Work on a header: for each column the rule that may have it. */
struct header {
    unsigned n;
    struct span cell[IMPORT_CELLS_MAX];
    const struct rule *rule[IMPORT_CELLS_MAX];
    char unit[IMPORT_CELLS_MAX][16];
    char name[IMPORT_CELLS_MAX][RECORDING_NAME_MAX];
};

static bool same_target(const struct header *h, unsigned a, unsigned b)
{
    return h->rule[a]->what == h->rule[b]->what &&
           (h->rule[a]->what != WHAT_EXTRA || strcmp(h->name[a], h->name[b]) == 0);
}

static bool wanted(const struct rule *r)
{
    return r && r->what != WHAT_KNOWN && r->what != WHAT_UNITS;
}

/* Of two columns for one place the one whose rule comes first. */
static void drop_doubles(struct header *h, const struct dialect *d, struct import_report *report)
{
    for (unsigned i = 0; i < h->n; i++) {
        for (unsigned k = i + 1; k < h->n && wanted(h->rule[i]); k++) {
            unsigned loser = k;

            if (!wanted(h->rule[k]) || !same_target(h, i, k))
                continue;
            if (import_rule_rank(d, h->rule[k]) < import_rule_rank(d, h->rule[i]))
                loser = i;
            report->column[loser].why = "another column says the same";
            h->rule[loser] = NULL;
        }
    }
}

static int find_name(const struct header *h, const char *name)
{
    for (unsigned i = 0; i < h->n; i++) {
        if (h->rule[i] && h->rule[i]->what == WHAT_EXTRA && strcmp(h->name[i], name) == 0)
            return (int)i;
    }
    return -1;
}

/* One counter for both directions adds nothing where each has its own. */
static void drop_sums(struct header *h, struct import_report *report)
{
    static const char *const names[][3] = {
        {"counter_ah", "counter_in_ah", "counter_out_ah"},
        {"counter_wh", "counter_in_wh", "counter_out_wh"}
    };

    for (size_t i = 0; i < ARRAY_LEN(names); i++) {
        int sum = find_name(h, names[i][0]);

        if (sum < 0 || find_name(h, names[i][1]) < 0 || find_name(h, names[i][2]) < 0)
            continue;
        report->column[sum].why = "charge and discharge are counted apart";
        h->rule[sum] = NULL;
    }
}

/* BDF's step id may be a word. */
static void drop_words(struct header *h, struct span row, char separator,
                       struct import_report *report)
{
    struct span cell[IMPORT_CELLS_MAX];
    unsigned n = import_split(row, separator, cell);

    for (unsigned i = 0; i < h->n && i < n; i++) {
        if (!h->rule[i] || h->rule[i]->what != WHAT_STEP || cell[i].n == 0 ||
            (cell[i].p[0] >= '0' && cell[i].p[0] <= '9'))
            continue;
        report->column[i].why = "its values are no numbers";
        h->rule[i] = NULL;
    }
}

/* Maccor's units stand in a column of their own, row by row. */
static void units_from_row(struct header *h, struct span row, char separator,
                           struct import_report *report)
{
    struct span cell[IMPORT_CELLS_MAX];
    unsigned n = import_split(row, separator, cell);
    struct scale s;

    for (unsigned i = 1; i < h->n && i < n; i++) {
        char text[IMPORT_HEADER_MAX];

        if (!h->rule[i] || h->rule[i]->what != WHAT_UNITS || !h->rule[i - 1])
            continue;
        import_cell_text(cell[i], text);
        if (import_unit(h->rule[i - 1]->class, text, &s) == 0) {
            (void)str_copy(h->unit[i - 1], sizeof(h->unit[0]), text);
        } else {
            report->column[i - 1].why = "the unit beside it is no temperature";
            h->rule[i - 1] = NULL;
        }
    }
}

static int place_number(struct plan *plan, struct header *h, unsigned i,
                        const struct import_options *opt, struct import_report *report,
                        struct diag *reterr)
{
    static const uint8_t slot_of[] = {
        [WHAT_TIME] = SLOT_TIME,       [WHAT_STEP_TIME] = SLOT_STEP_TIME,
        [WHAT_VOLTAGE] = SLOT_VOLTAGE, [WHAT_CURRENT] = SLOT_CURRENT,
        [WHAT_CYCLE] = SLOT_CYCLE,     [WHAT_STEP] = SLOT_STEP};
    const struct rule *r = h->rule[i];
    struct import_column *c = &report->column[i];
    const char *said = stated_unit(opt, r->class), *unit;
    unsigned slot;
    struct slot *s;

    if (r->what == WHAT_EXTRA && plan->n_extra == RECORDING_EXTRA_MAX) {
        c->why = "there are too many columns";
        return 0;
    }
    slot = r->what == WHAT_EXTRA ? SLOT_EXTRA + plan->n_extra : slot_of[r->what];
    s = &plan->slot[slot];
    unit = said ? said : h->unit[i][0] ? h->unit[i] : r->unit ? r->unit : "";
    s->scale = (struct scale){1, 1, 0};
    if (r->class != UNIT_NONE && import_unit(r->class, unit, &s->scale) < 0)
        return diag_add(reterr, E_UNIT, "`%s` is no unit for column `%s`", unit, c->header);
    slot_range(r->class, slot, s);
    s->column = (uint16_t)i;
    plan->has[slot] = true;
    plan->cell[i] = (struct cell_plan){CELL_NUMBER, (uint8_t)slot};
    import_unit_text(r->class, unit, c->unit);
    plan->averaged = plan->averaged || (r->what == WHAT_CURRENT && c->header[0] == '<');
    c->unit_stated = said || h->unit[i][0];
    c->kind = kind_of_class[r->class];
    (void)str_copy(c->name, sizeof(c->name), r->what == WHAT_EXTRA ? h->name[i] : slot_names[slot]);
    if (r->what == WHAT_EXTRA) {
        struct import_extra *e = &plan->extra[plan->n_extra++];

        e->kind = c->kind;
        memcpy(e->name, c->name, sizeof(e->name));
    }
    return 0;
}

static int place_column(struct plan *plan, struct header *h, unsigned i,
                        const struct import_options *opt, struct import_report *report,
                        struct diag *reterr)
{
    struct import_column *c = &report->column[i];

    if (!wanted(h->rule[i]))
        return 0;
    plan->n_cells = i + 1;
    if (h->rule[i]->what == WHAT_STATE) {
        plan->cell[i].what = CELL_STATE;
        plan->has_state = true;
        (void)str_copy(c->name, sizeof(c->name), "state");
        return 0;
    }
    if (h->rule[i]->what == WHAT_WALL) {
        plan->cell[i].what = CELL_WALL;
        plan->has_wall = true;
        (void)str_copy(c->name, sizeof(c->name), "wall clock");
        return 0;
    }
    return place_number(plan, h, i, opt, report, reterr);
}

static void find_counters(struct plan *plan, const struct header *h, struct import_report *report)
{
    static const char *const names[] = {"counter_in_ah", "counter_out_ah", "counter_ah"};
    int *const place[] = {&plan->counter_in, &plan->counter_out, &plan->counter_net};

    for (size_t i = 0; i < ARRAY_LEN(names); i++) {
        int column = find_name(h, names[i]);

        *place[i] = -1;
        if (column < 0 || plan->cell[column].what == CELL_SKIP)
            continue;
        *place[i] = plan->cell[column].slot;
        plan->resets_declared = plan->resets_declared || h->rule[column]->declares;
        if (h->rule[column]->declares)
            report->resets = h->rule[column]->resets;
    }
}

int import_plan_columns(struct plan *plan, struct span line, struct span row,
                        const struct import_options *opt, struct import_report *report,
                        struct diag *reterr)
{
    struct header h;
    int rc = 0;

    h.n = import_split(line, plan->separator, h.cell);
    report->n_columns = h.n;
    if (h.n == IMPORT_CELLS_MAX)
        import_note_why(report, "columns beyond %d are not looked at", IMPORT_CELLS_MAX);
    for (unsigned i = 0; i < h.n; i++) {
        struct import_column *c = &report->column[i];
        char header[IMPORT_HEADER_MAX];

        import_cell_text(h.cell[i], header);
        h.name[i][0] = h.unit[i][0] = '\0';
        h.rule[i] =
            header[0] ? import_column_rule(plan->dialect, opt, header, h.unit[i], h.name[i]) : NULL;
        c->why = wanted(h.rule[i]) ? NULL
                 : h.rule[i]       ? "not needed"
                 : header[0]       ? "not known"
                                   : "it has no name";
        for (char *p = header; *p; p++)
            *p = *p >= ' ' && *p <= '~' ? *p : '?';
        memcpy(c->header, header, sizeof(header));
    }
    units_from_row(&h, row, plan->separator, report);
    drop_words(&h, row, plan->separator, report);
    drop_doubles(&h, plan->dialect, report);
    drop_sums(&h, report);
    for (unsigned i = 0; i < h.n && rc == 0; i++)
        rc = place_column(plan, &h, i, opt, report, reterr);
    if (rc == 0)
        find_counters(plan, &h, report);
    return rc;
}
