/* tests/sim/test_edits.c - one slip of the finger in a sound file: refused with its line, or
 * harmless.
 *
 * 500 seeded single edits (digit, unit, sign, key, line removed or doubled, bracket, byte) of the
 * shipped procedures, article and bench. What is accepted has to hold every byte of the file in its
 * tree, has to stay inside the limits of the *edited* files as edits.c reads them, and is
 * rehearsed: between the emulators and the world every drive is looked at, so that nothing wider
 * than those limits reaches a wire. BENCHCTL_LONG=1 rehearses all that is accepted,
 * else a few; BENCHCTL_SEED=N makes 500 other edits.
 */
#include "tests/support/sim.h"

#include "tests/sim/edits.h"

#include <check.h>
#include <fcntl.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

enum {
    EDITS = 500,
    BATCH = 20
};

struct tally {
    unsigned n, accepted, exact, among, named, elsewhere, nowhere;
};
struct shared { /* between the test's processes */
    struct tally kind[EDIT_KINDS];
    unsigned rehearsed, ended, drives;
};
static struct shared *shared;
static bool all_rehearsed;
static uint64_t first_seed;

/* ---- Files ------------------------------------------------------------------------------------
 */

static const char *const paths[EDIT_FILES] = {
    "procedures/assb/formation.yaml",
    "procedures/assb/contact-retention.yaml",
    "procedures/cell/capacity.yaml",
    "articles/ASSB-017.yaml",
    "benches/demo.yaml",
};
enum {
    FILE_ARTICLE = 3,
    FILE_BENCH = 4,
    PROCEDURES = 3
};

static struct edit_file originals[EDIT_FILES];

static void read_originals(void)
{
    for (int k = 0; k < EDIT_FILES; k++) {
        FILE *f = fopen(source_path(paths[k]), "rb");
        originals[k].n = f ? fread(originals[k].text, 1, sizeof originals[k].text - 1, f) : 0;
        if (f) {
            fclose(f);
        }
    }
}

static void write_file(const char *path, const struct edit_file *e)
{
    FILE *f = fopen(path, "wb");
    ck_assert_ptr_nonnull(f);
    ck_assert_uint_eq(fwrite(e->text, 1, e->n, f), e->n);
    ck_assert_int_eq(fclose(f), 0);
}

/* ---- Refused ----------------------------------------------------------------------------------
 */

/* Does the finding speak of something that stands in the line, as it was or is? */
static bool names_line(const struct diag_finding *f, const char *line)
{
    static const char *const idle[] = {"the", "for", "and", "of", "to",  "at", "is",
                                       "in",  "on",  "not", "or", "can", NULL};
    for (size_t k = 0; line[k]; k += line[k] ? 1 : 0) {
        size_t n = strspn(line + k, EDIT_WORD_CHARS);
        bool counts = n < 40 && (n >= 2 || (n == 1 && line[k + n] == ':'));
        char word[44];
        snprintf(word, sizeof word, "%.*s", (int)(counts ? n : 0), line + k);
        for (size_t i = 0; idle[i]; i++) {
            counts = counts && strcmp(idle[i], word) != 0;
        }
        if (counts && (edit_has_word(f->text, word) || edit_has_word(f->hint, word) ||
                       edit_has_word(f->source, word))) {
            return true;
        }
        k += n > 0 ? n - 1 : 0;
    }
    return false;
}

static void judge_refusal(const struct edit *e, const char *path, const struct diag *d,
                          struct tally *t)
{
    const struct diag_finding *first = NULL;
    bool said = false;
    for (size_t k = 0; k < d->n; k++) {
        const struct diag_finding *f = &d->finding[k];
        bool here = strcmp(f->file, path) == 0 && f->line >= e->first && f->line <= e->last;
        if (f->level == DIAG_ERROR) {
            first = first ? first : f;
            said = said || here;
        }
    }
    ck_assert_msg(first != NULL, "%s: refused without a word", e->what);
    bool own = strcmp(first->file, path) == 0;
    if (own && first->line >= e->first && first->line <= e->last) {
        t->exact++;
        return;
    }
    bool named = names_line(first, e->was) || names_line(first, e->is);
    t->among += said;
    t->named += !said && first->line > 0 && named;
    t->elsewhere += !said && first->line > 0 && !named;
    t->nowhere += !said && first->line == 0;
    if (getenv("BENCHCTL_SHOW") || (!said && !(first->line > 0 && named) && t->n > 1)) {
        printf("%s\n    -> %s:%d: %s (%s)\n", e->what, own ? "" : first->file, first->line,
               first->text, first->hint);
    }
}

/* ---- Nothing cut short ------------------------------------------------------------------------
 */

struct cover {
    const struct conf_doc *doc;
    unsigned char seen[EDIT_BYTES];
    size_t line_start[EDIT_BYTES];
    int n_lines;
};

static void cover_at(struct cover *c, const struct diag_pos *pos, const char *text, bool quoted)
{
    ck_assert_int_gt(pos->line, 0);
    ck_assert_int_le(pos->line, c->n_lines);
    size_t at = c->line_start[pos->line - 1];
    for (int k = 1; k < pos->column; k++) { /* columns count characters */
        at++;
        while (((unsigned char)c->doc->text[at] & 0xC0U) == 0x80U) {
            at++;
        }
    }
    size_t n = strlen(text);
    if (!quoted) {
        ck_assert_msg(at + n <= c->doc->n && memcmp(c->doc->text + at, text, n) == 0,
                      "line %d: the tree holds `%s`, the file does not", pos->line, text);
        memset(c->seen + at, 1, n);
        return;
    }
    char quote = c->doc->text[at];
    ck_assert(quote == '"' || quote == '\'');
    c->seen[at++] = 1;
    while (at < c->doc->n && c->doc->text[at] != quote) {
        size_t one = quote == '"' && c->doc->text[at] == '\\' ? 2 : 1;
        memset(c->seen + at, 1, one);
        at += one;
    }
    c->seen[at] = 1;
}

static void cover_node(struct cover *c, const struct conf_node *n)
{
    if (n->key) {
        size_t at = c->line_start[n->key_pos.line - 1] + (size_t)n->key_pos.column - 1;
        char mark = c->doc->text[at];
        cover_at(c, &n->key_pos, n->key, mark == '"' || mark == '\'');
    }
    if (n->kind == CONF_SCALAR) {
        cover_at(c, &n->pos, n->text, n->quoted);
    }
    for (const struct conf_node *k = n->first; k; k = k->next) {
        cover_node(c, k);
    }
}

/* Every byte is in a key, in a value, in a comment, or punctuation between them. */
static void check_nothing_lost(const struct edit *e, const struct conf_doc *doc)
{
    static struct cover c;
    memset(&c, 0, sizeof c);
    c.doc = doc;
    ck_assert_uint_eq(doc->n, e->file.n);
    ck_assert_mem_eq(doc->text, e->file.text, doc->n);
    for (size_t k = 0; k < doc->n; k++) {
        if (k == 0 || doc->text[k - 1] == '\n') {
            c.line_start[c.n_lines++] = k;
        }
    }
    cover_node(&c, doc->root);
    bool comment = false;
    for (size_t k = 0; k < doc->n; k++) {
        char b = doc->text[k];
        comment = comment && b != '\n';
        if (!c.seen[k] && b == '#' && (k == 0 || strchr(" \t\n", doc->text[k - 1]))) {
            comment = true;
        }
        ck_assert_msg(c.seen[k] || comment || (b != '\0' && strchr(" \t\r\n{}[],:-", b)),
                      "%s: byte %zu (`%c`) is in the file and nowhere in the tree", e->what, k, b);
    }
}

/* ---- Accepted: the proof ----------------------------------------------------------------------
 */

static void expect_most(const struct edit *e, const char *what, double v, double limit)
{
    ck_assert_msg(!(v > limit + 1e-9 * fabs(limit)), "%s: %s may be %.9g, the files allow %.9g",
                  e->what, what, v, limit);
}

static void expect_least(const struct edit *e, const char *what, double v, double limit)
{
    ck_assert_msg(!(v < limit - 1e-9 * fabs(limit)), "%s: %s may be %.9g, the files want %.9g",
                  e->what, what, v, limit);
}

static void check_proof(const struct edit *e, const struct edit_limits *l,
                        const struct check_report *r)
{
    expect_most(e, "charging", r->charge_max_a, l->charge_a);
    expect_most(e, "discharging", r->discharge_max_a, l->discharge_a);
    expect_most(e, "voltage", r->v_max, l->v_hi);
    expect_least(e, "voltage", r->v_min, l->v_lo);
    if (r->pressure_max_pa > 0.0) { /* else it moves no press */
        expect_most(e, "pressure", r->pressure_max_pa, l->pressure_pa);
    }
    expect_most(e, "temperature", r->temperature_max_k, l->t_hi_k);
    expect_least(e, "temperature", r->temperature_min_k, l->t_lo_k);
    ck_assert_msg(isfinite(r->worst_s), "%s: no bound on its duration", e->what);
}

/* ---- Accepted: the wires ----------------------------------------------------------------------
 */

struct tap {
    const struct edit *e;
    const struct edit_limits *l;
    const struct world *world;
    unsigned drives;
};
static struct tap tap;

/* What stands at the terminals and behind the regulators, with the instruments' own errors: 0.1 %
 * of the value, 20 uA, 5 mV, 0.5 K, 0.4 % of the regulator's range. */
static void tapped_drive(void *world, uint16_t port, nsec now, const struct port_drive *d)
{
    const struct edit_limits *l = tap.l;
    const struct edit *e = tap.e;
    const struct world_port *p = &tap.world->port[port];
    double most_a = fmax(l->charge_a, l->discharge_a) * 1.001 + 20e-6;
    tap.drives++;
    if (p->kind == PORT_SOURCE && d->on) {
        /* Its off-state until it is told another one: 0 V, 105 uA. */
        bool woke_up = fabs(d->v_max) < 1e-3 && d->i_max < 106e-6;
        bool source_of_voltage = d->v_max - d->v_min < 1e-9 && !woke_up;
        expect_most(e, "wire: current", d->i_max, most_a);
        expect_most(e, "wire: current", -d->i_min, most_a);
        /* A source of 0 A moves no cell; how far it may follow an unknown one is wide, so that it
         * does not drain it. */
        bool rests = fabs(d->i_max) < 1e-6 && fabs(d->i_min) < 1e-6;
        if (!rests) {
            expect_most(e, "wire: voltage", d->v_max, l->v_hi * 1.001 + 5e-3);
        }
        if (source_of_voltage) {
            expect_least(e, "wire: voltage", d->v_min, l->v_lo * 0.999 - 5e-3);
        }
    } else if (p->kind == PORT_PRESSURE) {
        expect_most(e, "wire: gauge pressure", d->set, l->gauge_pa * 1.001 + 4.2e3);
    } else if (p->kind == PORT_CHAMBER && d->on) {
        expect_most(e, "wire: temperature", d->set, l->t_hi_k + 0.5);
        expect_least(e, "wire: temperature", d->set, l->t_lo_k - 0.5);
    }
    world_drive(world, port, now, d);
}

static struct sim_case sim;

static void prepare_world(struct session *s, uint64_t seed)
{
    for (uint8_t b = 0; b < s->bench->n_buses; b++) {
        for (uint8_t k = 0; k < s->rig->host->n_emus && k < HOST_EMUS_MAX; k++) {
            struct emu_env *env = &s->rig->host_wiring[b].env[k];
            if (env->drive == world_drive) {
                env->drive = tapped_drive;
            }
        }
    }
    /* Warm from the beginning, and every other cell nearly full, so that a few hours show charge,
     * held voltage, pulse and discharge. */
    struct world *w = s->rig->world;
    for (uint16_t c = 0; c < w->n_chambers; c++) {
        w->chamber[c].state.air_k = 333.15;
    }
    for (uint16_t k = 0; k < w->n_stations; k++) {
        w->station[k].cell_temperature.value_k = 333.15;
        w->station[k].assb.y = seed % 2 ? 0.30 : w->station[k].assb.y;
    }
}

static void rehearse(const struct edit *e, const struct edit_limits *l, uint64_t seed)
{
    struct loaded *f = &sim.loaded;
    struct session_input in = {.bench = &f->bench,
                               .station = f->station,
                               .map = &f->map,
                               .program = &f->program,
                               .article = &f->article};
    struct session_options opt = {.stop_at = nsec_from_s((all_rehearsed ? 5.0 : 2.5) * 3600.0)};
    struct session *s = &sim.session;
    ck_assert_msg(session_open(s, &in, &opt, &sim.diag) == 0, "%s: it cannot begin", e->what);
    tap = (struct tap){.e = e, .l = l, .world = s->rig->world};
    prepare_world(s, seed);
    const struct world_station *w = &s->rig->world->station[0];
    double v_first = assb_ocv_v(w->assb.y);
    int r = session_work(s, &sim.diag);
    ck_assert_msg(r >= 0, "%s: the rehearsal failed with %d", e->what, r);
    double most_a = l->charge_a * 1.001 + 20e-6, least_a = -l->discharge_a * 1.001 - 20e-6;
    expect_most(e, "world: current", w->current_peak_a, most_a);
    expect_least(e, "world: current", w->current_low_a, least_a);
    /* A cell that came with more than the window is not our doing. */
    expect_most(e, "world: voltage", w->voltage_peak_v, fmax(l->v_hi, v_first) * 1.001 + 5e-3);
    /* Charging swells the cell by 0.2 MPa against the frame. */
    expect_most(e, "world: pressure", w->pressure_peak_pa, l->pressure_pa * 1.01 + 0.3e6);
    ck_assert_msg(tap.drives > 0, "%s: nothing was driven", e->what);
    shared->drives += tap.drives;
    shared->rehearsed++;
    shared->ended += r == 1;
    session_close(s);
}

/* ---- One edit ---------------------------------------------------------------------------------
 */

static char folder[300];

/* Judge one edited file among the shipped ones; true: it was accepted. */
static bool judge(const struct edit *e, int file, int procedure, uint64_t seed, bool rehearsed,
                  struct tally *t)
{
    static struct edit_limits limits;
    const struct loaded *l = &sim.loaded;
    char path[400];
    snprintf(path, sizeof path, "%s/%s", folder, strrchr(paths[file], '/') + 1);
    write_file(path, &e->file);
    alarm(60); /* a file that hangs the compiler is a failure, not a long test */
    int r = sim_try_load(&sim, file == FILE_BENCH ? path : paths[FILE_BENCH],
                         file < PROCEDURES ? path : paths[procedure],
                         file == FILE_ARTICLE ? path : paths[FILE_ARTICLE], NULL);
    t->n++;
    if (r < 0) {
        judge_refusal(e, path, &sim.diag, t);
    } else {
        struct check_report report;
        t->accepted++;
        check_nothing_lost(e, file == FILE_BENCH     ? &l->bench.doc
                              : file == FILE_ARTICLE ? &l->article.doc
                                                     : &l->procedure);
        ck_assert_int_eq(program_check(&l->program, &report, &sim.diag), 0);
        edit_limits_read(&limits, l->article.doc.root, l->bench.doc.root, l->procedure.root);
        ck_assert_msg(limits.unread[0] == '\0', "%s: accepted, but what is `%s`?", e->what,
                      limits.unread);
        check_proof(e, &limits, &report);
        if (rehearsed || all_rehearsed || t->accepted % 12 == 1) {
            rehearse(e, &limits, seed);
        }
    }
    alarm(0);
    cli_unload(&sim.loaded);
    unlink(path);
    return r == 0;
}

START_TEST(edits)
{
    static struct edit e;
    for (int k = 0; k < BATCH; k++) {
        int n = _i * BATCH + k, file = n % EDIT_FILES;
        int procedure = file < PROCEDURES ? file : n / 40 % PROCEDURES;
        uint64_t seed = first_seed + (uint64_t)n;
        edit_make(&e, &originals[file], paths[file], seed, n / EDIT_FILES % EDIT_KINDS);
        judge(&e, file, procedure, seed, false, &shared->kind[e.kind]);
    }
}
END_TEST

/* Limits moved by hand, with the formation: each side of each limit, just too narrow and just wide
 * enough; and a line that YAML would cut. */
static const struct {
    int file;
    bool accepted;
    const char *old, *new;
} by_hand[] = {
    {FILE_ARTICLE, false, "pressure: 0 MPa .. 10 MPa",         "pressure: 0 MPa .. 4.9 MPa"      },
    {FILE_ARTICLE, true,  "pressure: 0 MPa .. 10 MPa",         "pressure: 0 MPa .. 5.1 MPa"      },
    {FILE_ARTICLE, false, "pressure: 0 MPa .. 10 MPa",         "pressure: 0.1 MPa .. 10 MPa"     },
    {FILE_ARTICLE, false, "charge_current: .. 6 mA",           "charge_current: .. 0.95 mA"      },
    {FILE_ARTICLE, true,  "charge_current: .. 6 mA",           "charge_current: .. 0.97 mA"      },
    {FILE_ARTICLE, false, "discharge_current: .. 12 mA",       "discharge_current: .. 4.7 mA"    },
    {FILE_ARTICLE, true,  "discharge_current: .. 12 mA",       "discharge_current: .. 4.9 mA"    },
    {FILE_ARTICLE, false, "voltage: 2.0 V .. 4.4 V",           "voltage: 2.0 V .. 4.2 V"         },
    {FILE_ARTICLE, false, "voltage: 2.0 V .. 4.4 V",           "voltage: 2.6 V .. 4.4 V"         },
    {FILE_ARTICLE, true,  "voltage: 2.0 V .. 4.4 V",           "voltage: 2.1 V .. 4.31 V"        },
    {FILE_BENCH,   false, "current: -50 mA .. 50 mA",          "current: -50 mA .. 0.95 mA"      },
    {FILE_BENCH,   false, "current: -50 mA .. 50 mA",          "current: -4.7 mA .. 50 mA"       },
    {FILE_BENCH,   false, "voltage: -1 V .. 5 V",              "voltage: -1 V .. 4.2 V"          },
    {FILE_BENCH,   false, "voltage: -1 V .. 5 V",              "voltage: 2.6 V .. 5 V"           },
    {FILE_BENCH,   false, "pressure: 0 psi .. 120 psi",        "pressure: 0 psi .. 45 psi"       },
    {FILE_BENCH,   false, "piston: 63 mm",                     "piston: 36 mm"                   },
    {FILE_BENCH,   false, "temperature: -20 degC .. 120 degC", "temperature: -20 degC .. 59 degC"},
    {FILE_BENCH,   false, "chamber.temperature: .. 100 degC",  "chamber.temperature: .. 59 degC" },
    {FILE_BENCH,   false, "press.pressure: .. 12 MPa",         "press.pressure: .. 4.9 MPa"      },
    {0,            false, "cell.voltage: 2.0 V .. 4.4 V",      "cell.voltage: 2.0 V .. 4.2 V"    },
    {0,            false, "- rest: {for: 1 h}",                "- rest: {for: 1 h} #2"           },
    {0,            false, "- rest: {for: 1 h}",                "- rest: {for: 1 h}# 2"           },
    {0,            true,  "- rest: {for: 1 h}",                "- rest: {for: 1 h} # 2"          },
};

START_TEST(edits_by_hand)
{
    static struct edit e;
    struct tally t = {0};
    int file = by_hand[_i].file;
    edit_put(&e, &originals[file], paths[file], by_hand[_i].old, by_hand[_i].new);
    bool accepted = judge(&e, file, 0, 1, true, &t);
    ck_assert_msg(accepted == by_hand[_i].accepted, "%s: %s", e.what,
                  accepted ? "accepted" : "refused");
}
END_TEST

/* The files as they are: the machinery of this test sees nothing in them. */
START_TEST(untouched)
{
    static struct edit e;
    static struct edit_limits limits;
    snprintf(e.what, sizeof e.what, "%s, untouched", paths[_i]);
    int r = sim_try_load(&sim, paths[FILE_BENCH], paths[_i], paths[FILE_ARTICLE], NULL);
    ck_assert_int_eq(r, 0);
    e.file = originals[_i];
    check_nothing_lost(&e, &sim.loaded.procedure);
    edit_limits_read(&limits, sim.loaded.article.doc.root, sim.loaded.bench.doc.root,
                     sim.loaded.procedure.root);
    ck_assert_str_eq(limits.unread, "");
    ck_assert_double_eq_tol(limits.charge_a, 6e-3, 1e-12);
    ck_assert_double_eq_tol(limits.discharge_a, 12e-3, 1e-12);
    ck_assert_double_eq_tol(limits.v_hi, 4.4, 1e-12);
    ck_assert_double_eq_tol(limits.v_lo, 2.0, 1e-12);
    ck_assert_double_eq_tol(limits.pressure_pa, _i == 2 ? 10e6 : 9e6, 1e-3);
    ck_assert_double_eq_tol(limits.t_hi_k, _i == 2 ? 373.15 : 358.15, 1e-9);
    ck_assert_double_eq_tol(limits.gauge_pa, 120.0 * 6894.757293168361, 1e-3);
    struct check_report report;
    ck_assert_int_eq(program_check(&sim.loaded.program, &report, &sim.diag), 0);
    check_proof(&e, &limits, &report);
    cli_unload(&sim.loaded);
}
END_TEST

/* ---- All of them ------------------------------------------------------------------------------
 */

static bool share_map(void)
{
    char path[400];
    snprintf(path, sizeof path, "%s/tally", folder);
    int fd = open(path, O_RDWR | O_CREAT, 0600);
    if (fd < 0 || ftruncate(fd, sizeof *shared) != 0) {
        return false;
    }
    void *p = mmap(NULL, sizeof *shared, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
    close(fd);
    shared = p;
    return p != MAP_FAILED;
}

static void share_unmap(void)
{
    char path[400];
    snprintf(path, sizeof path, "%s/tally", folder);
    unlink(path);
    rmdir(folder);
}

static void add(struct tally *sum, const struct tally *t)
{
    sum->n += t->n;
    sum->accepted += t->accepted;
    sum->exact += t->exact;
    sum->among += t->among;
    sum->named += t->named;
    sum->elsewhere += t->elsewhere;
    sum->nowhere += t->nowhere;
}

static void print_tally(const char *name, const struct tally *t)
{
    printf("%-13s %5u %8u %8u %6u %9u %10u %9u\n", name, t->n, t->n - t->accepted, t->exact,
           t->among, t->named, t->elsewhere, t->nowhere);
}

/* "at line": the first finding is at the edited line. "among": a later one is. "conflict": it is at
 * another line of these files and speaks of what stands in the edited one. What was removed has no
 * line of its own: its neighbours count, and most often the finding is where it is missed. */
static int print_shares(void)
{
    struct tally sum = {0}, slips = {0};
    printf("edit          count  refused  at line  among  conflict  elsewhere  no place\n");
    for (int k = 0; k < EDIT_KINDS; k++) {
        print_tally(edit_kind_names[k], &shared->kind[k]);
        add(&sum, &shared->kind[k]);
        if (k != EDIT_LINE_REMOVED) {
            add(&slips, &shared->kind[k]);
        }
    }
    print_tally("all", &sum);
    unsigned refused = sum.n - sum.accepted, slipped = slips.n - slips.accepted;
    double at_line = (double)slips.exact / (double)slipped;
    double right = (double)(sum.exact + sum.among + sum.named) / (double)refused;
    printf("%u edits, %u refused (%.1f %%); at the edited line %.1f %% (but for removed lines), "
           "there or at the line that conflicts %.1f %%\n%u accepted, %u rehearsed, %u of these "
           "to their end, %u drives looked at\n",
           sum.n, refused, 100.0 * refused / sum.n, 100.0 * at_line, 100.0 * right, sum.accepted,
           shared->rehearsed, shared->ended, shared->drives);
    bool good = sum.n == EDITS && sum.nowhere == 0 && at_line >= 0.9 && right >= 0.98;
    return good && shared->rehearsed > 0 ? 0 : 1;
}

int main(void)
{
    const char *more = getenv("BENCHCTL_LONG");
    all_rehearsed = more && more[0] == '1';
    const char *other = getenv("BENCHCTL_SEED");
    first_seed = other ? 1000 * strtoull(other, NULL, 10) : 0;
    const char *tmp = getenv("TMPDIR");
    snprintf(folder, sizeof folder, "%s/benchctl-test-XXXXXX", tmp ? tmp : "/tmp");
    if (!mkdtemp(folder)) {
        return EXIT_FAILURE;
    }
    read_originals();
    if (!share_map()) {
        share_unmap();
        return EXIT_FAILURE;
    }
    Suite *s = suite_create("edits");
    TCase *t = tcase_create("edits");
    tcase_set_timeout(t, 600);
    tcase_add_loop_test(t, untouched, 0, PROCEDURES);
    tcase_add_loop_test(t, edits_by_hand, 0, (int)(sizeof by_hand / sizeof by_hand[0]));
    tcase_add_loop_test(t, edits, 0, EDITS / BATCH);
    suite_add_tcase(s, t);
    SRunner *sr = srunner_create(s);
    srunner_run_all(sr, CK_NORMAL);
    int failed = srunner_ntests_failed(sr);
    srunner_free(sr);
    failed += print_shares();
    share_unmap();
    return failed == 0 ? EXIT_SUCCESS : EXIT_FAILURE;
}
