/* analysis/bdf.c - the rows of a run as BDF. */
#include "analysis/bdf.h"

#include "analysis/sheet.h"
#include "base/diag.h"
#include "base/err.h"
#include "base/str.h"
#include "db/read.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

enum {
    LABEL_MAX = 96,
    COLUMNS_MAX = SHEET_COLUMNS_MAX + 8,
    PLACED_TEMPERATURES = 5
};

/* Where a column's text comes from. */
enum source {
    SOURCE_CELL,
    SOURCE_KELVIN, /* a cell, in degC */
    SOURCE_TIME,
    SOURCE_UNIX,
    SOURCE_CYCLE,
    SOURCE_STEP,
    SOURCE_STEP_TIME,
    SOURCE_TYPE
};
struct column {
    char label[LABEL_MAX];
    enum source source;
    unsigned cell;
};

struct step_verb {
    uint32_t number;
    nsec began;
    const char *type;
};

struct writer {
    struct sheet sheet;
    unsigned n;
    struct column column[COLUMNS_MAX];
    size_t n_steps, steps_size, step; /* step: the one of the row before */
    struct step_verb *steps;
    double wall_start_s;
    int (*put)(void *ctx, const char *text, size_t n);
    void *ctx;
    struct sha256 hash;
    struct bdf_written written;
    struct text line;
    int rc;
};

void bdf_celsius(double k, char *buf, size_t size)
{
    double c = k - 273.15, back;

    for (int decimals = 0; decimals <= 6; decimals++) {
        size_t n = str_fixed(c, decimals, 0, false, false, buf, size);

        if (str_to_double(buf, n, &back) == 0 && back + 273.15 == k) {
            return;
        }
    }
    str_from_double(c, buf, size);
}

/* ---- Columns ---- */

static void column_add(struct writer *w, const char *label, enum source source, unsigned cell)
{
    struct column *c = &w->column[w->n++];

    ASSERT(w->n <= COLUMNS_MAX);
    c->source = source;
    c->cell = cell;
    str_copy(c->label, sizeof(c->label), label);
}

static int find_cell(const struct sheet *s, const char *column, const char *channel)
{
    const struct sheet_column *c = sheet_channel(s, channel);

    for (unsigned i = 0; i < s->n && !c; i++) {
        c = s->column[i].of == 0 && strcmp(s->column[i].column, column) == 0 ? &s->column[i] : NULL;
    }
    return c ? (int)(c - s->column) : -1;
}

static bool label_taken(const struct writer *w, const char *label)
{
    for (unsigned i = 0; i < w->n; i++) {
        if (strcmp(w->column[i].label, label) == 0) {
            return true;
        }
    }
    return false;
}

/* What BDF calls it; NULL: nothing. */
static const char *term_of(const struct sheet_column *c, unsigned *temperatures)
{
    static const char *const placed[PLACED_TEMPERATURES] = {
        "Temperature T1 / degC", "Temperature T2 / degC", "Temperature T3 / degC",
        "Temperature T4 / degC", "Temperature T5 / degC"};

    if (strcmp(c->channel, "chamber.temperature") == 0) {
        return "Ambient Temperature / degC";
    }
    if (strcmp(c->channel, "cell.temperature") == 0) {
        return "Surface Temperature / degC";
    }
    if (strcmp(c->unit, "K") == 0 && *temperatures < PLACED_TEMPERATURES) {
        return placed[(*temperatures)++];
    }
    if (strcmp(c->channel, "press.pressure") == 0) {
        return "Applied Pressure / Pa";
    }
    if (c->of == 0 && strcmp(c->column, "charge_ah") == 0) {
        return "Step Net Capacity / Ah";
    }
    if (c->of == 0 && strcmp(c->column, "energy_wh") == 0) {
        return "Step Net Energy / Wh";
    }
    return c->of == 0 && strcmp(c->column, "power_w") == 0 ? "Power / W" : NULL;
}

/* BDF's own columns first, then those that it has no word for. */
static int other_columns(struct writer *w, unsigned voltage, unsigned current, bool with_term)
{
    char label[LABEL_MAX];
    unsigned temperatures = 0;

    for (unsigned i = 0; i < w->sheet.n; i++) {
        const struct sheet_column *c = &w->sheet.column[i];
        bool kelvin = strcmp(c->unit, "K") == 0;
        const char *term = term_of(c, &temperatures);
        int rc = 0;

        if (i == voltage || i == current || (term != NULL) != with_term) {
            continue;
        }
        if (!term) {
            rc = str_fmt(label, sizeof(label), "%s / %s", c->channel,
                         kelvin       ? "degC"
                         : c->unit[0] ? c->unit
                                      : "1");
        }
        if (rc < 0 || label_taken(w, term ? term : label)) {
            return E_FULL;
        }
        column_add(w, term ? term : label, kelvin ? SOURCE_KELVIN : SOURCE_CELL, i);
    }
    return 0;
}

static int choose_columns(struct writer *w, struct diag *reterr)
{
    int voltage = find_cell(&w->sheet, "voltage_v", "cell.voltage");
    int current = find_cell(&w->sheet, "current_a", "cell.current");
    int rc;

    if (voltage < 0 || current < 0) {
        rc = diag_add(reterr, E_NOENT, "the run has no %s, and BDF needs voltage and current",
                      voltage < 0 ? "voltage" : "current");
        diag_hint(reterr, "--csv and --ndjson take any run");
        return rc;
    }
    column_add(w, "Test Time / s", SOURCE_TIME, 0);
    column_add(w, "Voltage / V", SOURCE_CELL, (unsigned)voltage);
    column_add(w, "Current / A", SOURCE_CELL, (unsigned)current);
    column_add(w, "Unix Time / s", SOURCE_UNIX, 0);
    column_add(w, "Cycle Count / 1", SOURCE_CYCLE, 0);
    column_add(w, "Step Count / 1", SOURCE_STEP, 0);
    column_add(w, "Step Time / s", SOURCE_STEP_TIME, 0);
    column_add(w, "Step Type", SOURCE_TYPE, 0);
    rc = other_columns(w, (unsigned)voltage, (unsigned)current, true);
    rc = rc < 0 ? rc : other_columns(w, (unsigned)voltage, (unsigned)current, false);
    return rc < 0 ? diag_add(reterr, rc, "two channels of the run have one name in BDF") : 0;
}

/* BDF leaves the words free; these are the usual ones where a verb has one. */
static const char *type_of(const char *verb)
{
    static const struct {
        const char *verb, *type;
    } types[] = {
        {"charge",    "CHG"    },
        {"discharge", "DCH"    },
        {"hold",      "CV"     },
        {"rest",      "REST"   },
        {"ocv",       "OCV"    },
        {"current",   "CC"     },
        {"pulse",     "PULSE"  },
        {"drive",     "DRIVE"  },
        {"eis",       "EIS"    },
        {"soak",      "SOAK"   },
        {"squeeze",   "SQUEEZE"},
        {"set",       "SET"    },
        {"wait",      "WAIT"   },
    };

    for (size_t i = 0; i < ARRAY_LEN(types); i++) {
        if (strcmp(types[i].verb, verb) == 0) {
            return types[i].type;
        }
    }
    return "OTHER";
}

static int on_step(void *ctx, const struct step_row *row)
{
    struct writer *w = ctx;

    if (w->n_steps == w->steps_size) {
        size_t size = 2 * w->steps_size + 256;
        struct step_verb *steps = realloc(w->steps, size * sizeof(*steps));

        if (!steps) {
            return w->rc = E_NOMEM;
        }
        w->steps = steps;
        w->steps_size = size;
    }
    w->steps[w->n_steps++] = (struct step_verb){row->number, row->began, type_of(row->verb)};
    return 0;
}

/* ---- Rows ---- */

static int give(struct writer *w)
{
    sha256_add(&w->hash, w->line.p, w->line.n);
    w->written.bytes += w->line.n;
    return w->put(w->ctx, w->line.p, w->line.n);
}

static void put_cell(struct text *line, const char *text, bool first)
{
    if (!first) {
        text_add_n(line, ",", 1);
    }
    if (!strpbrk(text, ",\"\r\n")) {
        text_add_n(line, text, strlen(text));
        return;
    }
    text_add_n(line, "\"", 1);
    for (; *text; text++) {
        text_add_n(line, *text == '"' ? "\"\"" : text, *text == '"' ? 2 : 1);
    }
    text_add_n(line, "\"", 1);
}

/* The row's step; NULL: not told of. Steps and rows both come in the order of time. */
static const struct step_verb *row_step(struct writer *w, const char *step)
{
    int64_t number = 0;

    if (str_to_int(step, strlen(step), &number) < 0) {
        return NULL;
    }
    while (w->step < w->n_steps && (int64_t)w->steps[w->step].number < number) {
        w->step++;
    }
    return w->step < w->n_steps && (int64_t)w->steps[w->step].number == number ? &w->steps[w->step]
                                                                               : NULL;
}

/* In whole nanoseconds, as both times are kept: 0.1 and not 0.10000000000000142, so that whoever
 * counts charge from it gets the very same. */
static const char *step_time(const struct step_verb *s, const char *t_s, char *buf, size_t size)
{
    double t;

    if (!s || str_to_double(t_s, strlen(t_s), &t) < 0) {
        return "";
    }
    str_from_double(nsec_to_s(nsec_from_s(t) - s->began), buf, size);
    return buf;
}

static const char *unix_time(const struct writer *w, const char *t_s, char *buf, size_t size)
{
    double t;

    if (str_to_double(t_s, strlen(t_s), &t) < 0) {
        return "";
    }
    str_from_double(w->wall_start_s + t, buf, size);
    return buf;
}

static const char *celsius(const char *kelvin, char *buf, size_t size)
{
    double k;

    if (str_to_double(kelvin, strlen(kelvin), &k) < 0) {
        return "";
    }
    bdf_celsius(k, buf, size);
    return buf;
}

static int on_row(void *ctx, const struct sheet_row *row)
{
    struct writer *w = ctx;
    const struct step_verb *step = row_step(w, row->step);
    char buf[48];

    w->line.n = 0;
    for (unsigned i = 0; i < w->n; i++) {
        const char *text = "";

        switch (w->column[i].source) {
        case SOURCE_CELL: text = row->cell[w->column[i].cell]; break;
        case SOURCE_KELVIN: text = celsius(row->cell[w->column[i].cell], buf, sizeof(buf)); break;
        case SOURCE_TIME: text = row->t_s; break;
        case SOURCE_UNIX: text = unix_time(w, row->t_s, buf, sizeof(buf)); break;
        case SOURCE_CYCLE: text = row->cycle; break;
        case SOURCE_STEP: text = row->step; break;
        case SOURCE_STEP_TIME: text = step_time(step, row->t_s, buf, sizeof(buf)); break;
        case SOURCE_TYPE: text = step ? step->type : ""; break;
        }
        put_cell(&w->line, text, i == 0);
    }
    text_add_n(&w->line, "\n", 1);
    w->written.rows++;
    return give(w);
}

static int write_all(struct run_file *f, struct writer *w, struct diag *reterr)
{
    int rc = choose_columns(w, reterr);

    rc = rc < 0 ? rc : run_steps(f, on_step, w, reterr);
    if (rc == 0 && w->rc < 0) {
        rc = diag_add(reterr, w->rc, "out of memory");
    }
    if (rc < 0) {
        return rc;
    }
    for (unsigned i = 0; i < w->n; i++) {
        put_cell(&w->line, w->column[i].label, i == 0);
    }
    text_add_n(&w->line, "\n", 1);
    rc = give(w);
    return rc < 0 ? rc : sheet_rows(f, &w->sheet, on_row, w, reterr);
}

int bdf_write(struct run_file *f, int (*put)(void *ctx, const char *text, size_t n), void *ctx,
              struct bdf_written *ret, struct diag *reterr)
{
    struct writer *w = calloc(1, sizeof(*w));
    struct run_info info;
    uint8_t digest[32];
    int rc;

    if (!w) {
        return diag_add(reterr, E_NOMEM, "out of memory");
    }
    w->put = put;
    w->ctx = ctx;
    sha256_init(&w->hash);
    rc = run_info(f, &info, reterr);
    rc = rc < 0 ? rc : sheet_open(f, &w->sheet, reterr);
    if (rc == 0) {
        w->wall_start_s = nsec_to_s(info.wall_start);
        rc = write_all(f, w, reterr);
    }
    if (rc == 0) {
        sha256_end(&w->hash, digest);
        sha256_hex(digest, w->written.sha256);
        *ret = w->written;
    }
    sheet_done(&w->sheet);
    text_done(&w->line);
    free(w->steps);
    free(w);
    return rc;
}
