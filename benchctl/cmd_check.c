/* benchctl/cmd_check.c - `benchctl check [BENCH] PROCEDURE [--article A]`: what can be said before anything moves.
 *
 * With one file the check is open: roles, article keys and called files that are not given are listed, and only what cannot be said is refused.
 */
#include "benchctl/actuators.h"
#include "benchctl/cli.h"
#include "procedures/engine/check.h"

#include <jansson.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

static struct loaded loaded;

/* From the last reply; the engine's own rule where the station gives none. */
static double silent_trip_s(const struct station_group *g)
{
    return g->trip_s > 0.0 ? g->trip_s : 4.0 * g->stale_s;
}

static void print_guards(const struct program *p, const struct check_report *c)
{
    char buf[40];
    for (uint16_t g = 0; g < p->n_guards; g++) {
        printf("     guard %-46s trip after at most %s\n", program_text(p, p->guards[g].text), duration_text(c->trip_s[g], buf, sizeof buf));
    }
    if (p->role.mode != CHAN_NONE && isfinite(c->cut_s)) {
        printf("     dead line of the cycler                              cut by the watchdog relay after at most %s\n", duration_text(c->cut_s, buf, sizeof buf));
    } else if (p->role.mode != CHAN_NONE) {
        printf("     dead line of the cycler                              nothing cuts it: its own limits hold the cell\n");
    }
}

/* From the onset to no current, where the station has a cycler. */
static void print_trip(const struct program *p, double trip_s)
{
    char buf[40];
    printf("trip after at most %s", duration_text(trip_s, buf, sizeof buf));
    if (p->role.mode != CHAN_NONE) {
        printf("; no current after at most %s", duration_text(trip_s + p->station.safe_s, buf, sizeof buf));
    }
    printf("\n");
}

static void print_interlocks(const struct loaded *l, bool each)
{
    const struct bench *b = &l->bench;
    for (int k = 0; k < b->n_interlocks; k++) {
        const struct bench_interlock *lock = &b->interlock[k];
        if (!interlock_counts(lock, l->station, l->article.voltage_v.hi)) {
            continue;
        }
        printf("     interlock %s (%s.%s): ", lock->name, b->inst[lock->inst].name, b->inst[lock->inst].chans[lock->chan].name);
        print_trip(&l->program, interlock_trip_s(b, lock));
        if (each) {
            printf("     interlock %s, silent %-32s ", lock->name, b->inst[lock->inst].name);
            print_trip(&l->program, interlock_stale_s(b, lock));
        }
    }
}

/* What each does when the process or the machine above it dies. */
static void print_deaths(const struct loaded *l)
{
    struct actuator a[3];
    int n = actuators_of(&l->bench, l->station, a);
    printf("     %-10s %-34s %-18s %s\n", "death of", "controller", "guardian", "both, or the host");
    for (int k = 0; k < n; k++) {
        printf("     %-10s %-34s %-18s %s\n", l->bench.inst[a[k].inst].name, a[k].controller, a[k].guardian, a[k].host);
    }
}

/* PROG_NONE: no model is followed. */
static uint16_t model_group(const struct program *p)
{
    return p->model.of == PROG_NONE ? PROG_NONE : p->station.chan[station_find(&p->station, MODEL_VOLTAGE)].group;
}

/* A guard's latency holds while its instrument answers. What silence leads to has limits of its own: pause, then trip. */
static void print_silence(const struct program *p, const struct check_report *c, bool each)
{
    char pause[40], trip[40], off[40];
    double pause_s = 0.0, trip_s = 0.0;
    for (uint16_t k = 0; k < p->station.n_groups; k++) {
        const struct station_group *g = &p->station.group[k];
        if (k == model_group(p)) {
            continue; /* as silent as the cycler */
        }
        pause_s = fmax(pause_s, g->stale_s);
        trip_s = fmax(trip_s, silent_trip_s(g));
        if (each) {
            printf("     silent %-45s pause after at most %s, trip after %s", g->inst, duration_text(g->stale_s, pause, sizeof pause),
                   duration_text(silent_trip_s(g), trip, sizeof trip));
            if (c->silent_s[k] > 0.0) {
                printf("; no current after at most %s", duration_text(c->silent_s[k], off, sizeof off));
            }
            printf("\n");
        }
    }
    if (!each && p->station.n_groups) {
        printf("     silent instruments   pause after at most %s, trip after at most %s (--guards lists them)\n", duration_text(pause_s, pause, sizeof pause),
               duration_text(trip_s, trip, sizeof trip));
    }
}

static double slowest_trip(const struct program *p, const struct check_report *c, uint16_t *ret_g)
{
    double most = 0.0;
    *ret_g = PROG_NONE;
    for (uint16_t g = 0; g < p->n_guards; g++) {
        if (c->trip_s[g] > most) {
            most = c->trip_s[g];
            *ret_g = g;
        }
    }
    return most;
}

static void print_report(const struct loaded *l, const struct check_report *c, bool guards)
{
    const struct program *p = &l->program;
    char hex[65], a[48], b[48];
    sha256_hex(p->hash, hex);
    printf("ok   %s %s  %.8s\n", program_text(p, p->name), program_text(p, p->version), hex);
    printf("     steps %u, unrolled %u   worst case %s   ", c->steps, c->unrolled, duration_text(c->worst_s, a, sizeof a));
    printf("about %s   %.0f MB\n", duration_text(c->expected_s, a, sizeof a), ceil(c->bytes / 1e6));
    printf("     current up to %s charging, ", value_text(c->charge_max_a, DIMS_CURRENT, false, a, sizeof a));
    printf("%s discharging (article %s / ", value_text(c->discharge_max_a, DIMS_CURRENT, false, a, sizeof a), value_text(p->charge_max_a, DIMS_CURRENT, false, b, sizeof b));
    printf("%s)", value_text(p->discharge_max_a, DIMS_CURRENT, false, a, sizeof a));
    if (!isnan(c->taper_a)) {
        printf("   taper %s +- %s: visible", value_text(c->taper_a, DIMS_CURRENT, false, a, sizeof a), value_text(c->taper_accuracy_a, DIMS_CURRENT, false, b, sizeof b));
    }
    printf("\n");
    if (isfinite(c->pressure_max_pa) && c->pressure_max_pa > 0.0) { /* else no press is moved */
        printf("     pressure up to %s", value_text(c->pressure_max_pa, DIMS_PRESSURE, false, a, sizeof a));
        const struct bench_station *s = l->has_bench ? &l->bench.station[l->station] : NULL;
        if (s && s->regulator != INST_NONE) {
            double ratio = station_press_ratio(s);
            str_fixed(ratio, 1, 0, false, false, b, sizeof b);
            printf(" (x%s from %s to the stack)", b, l->bench.inst[s->regulator].name);
        }
        printf("\n");
    }
    if (l->band.there) {
        printf("     model %s beside the cell: an alarm outside %s\n", l->band.model.name, value_text(p->model.band_v, DIMS_VOLTAGE, false, a, sizeof a));
    }
    uint16_t g;
    double trip = slowest_trip(p, c, &g);
    if (g != PROG_NONE) {
        printf("     %u guards   trip latency at most %s (%s) while it answers\n", c->n_guards, duration_text(trip, a, sizeof a), program_text(p, p->guards[g].text));
    }
    if (guards) {
        print_guards(p, c);
    }
    print_silence(p, c, guards);
    if (l->has_bench) {
        print_interlocks(l, guards);
        print_deaths(l);
    }
    if (c->runtime_bounded) {
        printf("     %u set values depend on measured registers: the run itself refuses what leaves the window\n", c->runtime_bounded);
    }
    printf("     every step can end, every exit reaches its safe sequence\n");
}

static void add_deaths(const struct loaded *l, json_t *o)
{
    struct actuator a[3];
    json_t *deaths = json_array(), *locks = json_array();
    int n = actuators_of(&l->bench, l->station, a);
    for (int k = 0; k < n; k++) {
        json_array_append_new(deaths, json_pack("{s:s, s:s, s:s, s:s, s:b}", "instrument", l->bench.inst[a[k].inst].name, "controller", a[k].controller, "guardian", a[k].guardian,
                                                "host", a[k].host, "stays", a[k].stays));
    }
    for (int k = 0; k < l->bench.n_interlocks; k++) {
        const struct bench_interlock *lock = &l->bench.interlock[k];
        if (interlock_counts(lock, l->station, l->article.voltage_v.hi)) {
            json_array_append_new(locks, json_pack("{s:s, s:f, s:f, s:f}", "interlock", lock->name, "trip_s", interlock_trip_s(&l->bench, lock), "stale_s",
                                                   interlock_stale_s(&l->bench, lock), "safe_s", l->program.station.safe_s));
        }
    }
    json_object_set_new(o, "interlocks", locks);
    json_object_set_new(o, "deaths", deaths);
}

static void add_silence(const struct program *p, const struct check_report *c, json_t *o)
{
    json_t *silent = json_array();
    for (uint16_t k = 0; k < p->station.n_groups; k++) {
        const struct station_group *g = &p->station.group[k];
        json_array_append_new(silent, json_pack("{s:s, s:f, s:f, s:o}", "instrument", g->inst, "pause_s", g->stale_s, "trip_s", silent_trip_s(g), "no_current_s",
                                                c->silent_s[k] > 0.0 ? json_real(c->silent_s[k]) : json_null()));
    }
    json_object_set_new(o, "silent", silent);
    json_object_set_new(o, "cut_s", isfinite(c->cut_s) ? json_real(c->cut_s) : json_null());
}

static void print_json(const struct loaded *l, const struct check_report *c)
{
    char hex[65];
    sha256_hex(l->program.hash, hex);
    json_t *o = json_pack("{s:s, s:s, s:s, s:i, s:i, s:f, s:f, s:f, s:i}", "procedure", program_text(&l->program, l->program.name), "version", program_text(&l->program, l->program.version),
                          "hash", hex, "steps", (int)c->steps, "unrolled", (int)c->unrolled, "worst_s", c->worst_s, "expected_s", c->expected_s, "bytes", c->bytes, "guards", (int)c->n_guards);
    const struct {
        const char *key;
        double v;
    } numbers[] = {{"charge_max_a", c->charge_max_a}, {"discharge_max_a", c->discharge_max_a}, {"v_min", c->v_min}, {"v_max", c->v_max}, {"pressure_max_pa", c->pressure_max_pa},
                   {"temperature_max_k", c->temperature_max_k}, {"taper_a", c->taper_a}, {"taper_accuracy_a", c->taper_accuracy_a}};
    for (size_t k = 0; k < ARRAY_LEN(numbers); k++) {
        json_object_set_new(o, numbers[k].key, isfinite(numbers[k].v) ? json_real(numbers[k].v) : json_null());
    }
    json_t *guards = json_array();
    for (uint16_t g = 0; g < l->program.n_guards; g++) {
        json_array_append_new(guards, json_pack("{s:s, s:f}", "guard", program_text(&l->program, l->program.guards[g].text), "trip_s", c->trip_s[g]));
    }
    json_object_set_new(o, "trip", guards);
    add_silence(&l->program, c, o);
    add_deaths(l, o);
    json_dumpf(o, stdout, JSON_INDENT(2) | JSON_REAL_PRECISION(17));
    putchar('\n');
    json_decref(o);
}

static void print_open(const struct loaded *l)
{
    for (size_t k = 0; k < l->open.n; k++) {
        printf("open %s\n", l->open.what[k]);
    }
}

static int run(const struct args *a)
{
    struct diag d;
    diag_init(&d);
    const char *bench = a->n == 2 ? a->arg[0] : NULL, *procedure = a->arg[a->n - 1];
    int r = cli_load(a, bench, procedure, args_get(a, "--article"), args_get(a, "--station"), &loaded, &d);
    struct check_report report;
    bool closed = loaded.has_bench && loaded.has_article;
    if (r == 0 && closed) {
        r = program_check(&loaded.program, &report, &d);
    }
    int code = r < 0 ? EXIT_FILE : EXIT_DONE;
    if (d.n) {
        cli_findings(a, &d);
    }
    if (r == 0 && closed && a->json) {
        print_json(&loaded, &report);
    } else if (r == 0 && closed) {
        print_report(&loaded, &report, args_get(a, "--guards") != NULL);
    } else {
        print_open(&loaded);
        if (r == 0) {
            printf("ok   %s %s can be said; name a bench and an article to check it against them\n", program_text(&loaded.program, loaded.program.name),
                   program_text(&loaded.program, loaded.program.version));
        }
    }
    cli_unload(&loaded);
    return code;
}

static const struct option options[] = {
    {"--article", "ARTICLE", false, "file or name of the article"},
    {"--station", "NAME", false, "station of the bench, where it has several"},
    {"--set", "NAME=VALUE", true, "a parameter of the procedure"},
    {"--guards", NULL, false, "list every guard with its worst trip latency"},
    {NULL, NULL, false, NULL},
};

extern const struct command cmd_check;
const struct command cmd_check = {
    .name = "check", .group = "try", .arguments = "[BENCH] PROCEDURE", .help = "prove a procedure against bench and article, or say what is wrong where", .options = options,
    .more = "  benchctl check benches/demo.yaml assb/contact-retention.yaml --article ASSB-017\n  benchctl check my-procedure.yaml", .common = COMMON_LAB | COMMON_JSON, .min_args = 1,
    .max_args = 2, .run = run,
};
