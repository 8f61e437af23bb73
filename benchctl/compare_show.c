/* benchctl/compare_show.c - a comparison as text, JSON and CSV. */
#include "benchctl/compare_cmd.h"

#include <math.h>
#include <string.h>

static const char *const by_names[] = {"time", "charge", "step"};

static const char *millivolts(double v, char *buf, size_t size)
{
    if (!isfinite(v)) {
        str_copy(buf, size, "-");
    } else {
        str_fixed(1e3 * v, fabs(v) < 0.01 ? 2 : 1, 0, false, false, buf, size);
    }
    return buf;
}

static const char *number(double v, int decimals, const char *tail, char *buf, size_t size)
{
    char n[48];
    int rc;

    if (!isfinite(v)) {
        str_copy(buf, size, "-");
        return buf;
    }
    str_fixed(v, decimals, 0, false, false, n, sizeof(n));
    rc = str_fmt(buf, size, "%s%s", n, tail);
    (void)rc;
    return buf;
}

/* ---- Text ---- */

static void put_scores(struct table *t, const char *name, const struct compare_scores *s)
{
    char b[48];
    double share = s->n > 0 ? 100.0 * (double)s->n_inside / (double)s->n : (double)NAN;

    table_cell(t, "%s", name);
    table_cell(t, "%zu", s->n);
    table_cell(t, "%s", millivolts(s->rmse_v, b, sizeof(b)));
    table_cell(t, "%s", millivolts(s->mae_v, b, sizeof(b)));
    table_cell(t, "%s", millivolts(s->max_v, b, sizeof(b)));
    table_cell(t, "%s", number(s->max_at_s, 0, " s", b, sizeof(b)));
    table_cell(t, "%s", millivolts(s->bias_v, b, sizeof(b)));
    table_cell(t, "%s", number(100.0 * s->nrmse, 2, " %", b, sizeof(b)));
    table_cell(t, "%s", number(100.0 * s->energy_error, 3, " %", b, sizeof(b)));
    table_cell(t, "%s", number(s->durbin_watson, 2, "", b, sizeof(b)));
    table_cell(t, "%s", number(share, 1, " %", b, sizeof(b)));
    table_cell(t, "%s", compare_verdict_names[s->verdict]);
}

static void put_table(const struct compare *c)
{
    static const char *const heads[] = {"segment", "rows",  "RMSE/mV", "MAE/mV", "max/mV", "at",
                                        "bias/mV", "NRMSE", "energy",  "DW",     "inside", ""};
    struct table t;

    table_begin(&t, ARRAY_LEN(heads), 0x7fe, heads);
    for (unsigned i = 0; i < COMPARE_SEGMENTS; i++) {
        if (c->segment[i].n > 0) {
            put_scores(&t, compare_segment_names[i], &c->segment[i]);
        }
    }
    put_scores(&t, "all", &c->total);
    table_print(&t, stdout);
}

static void put_provenance(const struct comparison *x)
{
    const struct compare *c = &x->c;
    char band[48], rmse[48];

    printf("\nband      %s", qty_print(c->limits.band_v, DIMS_VOLTAGE, false, band, sizeof(band)));
    printf(" or %.0f u, %.0f %% of the rows inside pass, %.0f %% are warned of", c->limits.k,
           100.0 * c->limits.pass, 100.0 * c->limits.warn);
    if (isfinite(c->limits.rmse_v)) {
        printf("; RMSE up to %s",
               qty_print(c->limits.rmse_v, DIMS_VOLTAGE, false, rmse, sizeof(rmse)));
    }
    printf("; %.0f ms after a change are not judged\n", 1e3 * c->limits.mask_s);
    if (x->has_model) {
        printf("model     %s, benchctl %s, parameters sha256 %s", x->model.name, BENCHCTL_VERSION,
               x->model.hash);
        if (x->how.lead_ohm > 0.0) {
            printf(", lead %s",
                   qty_print(x->how.lead_ohm, DIMS_RESISTANCE, false, band, sizeof(band)));
        }
        printf("\n");
    } else {
        printf("other     %s%s%s\n", x->other.title, x->other.data[0] ? ", " : "", x->other.data);
    }
    printf("data      %s%s%s", x->mine.title, x->mine.data[0] ? ", " : "", x->mine.data);
    if (x->mine.seed) {
        printf(", seed %llu", (unsigned long long)x->mine.seed);
    }
    printf("\n");
}

int compare_print(const struct args *a, const struct comparison *x, const char *picture)
{
    const struct compare *c = &x->c;
    enum compare_segment worst = compare_worst(c);
    bool bad = c->total.verdict != COMPARE_PASS;
    char soc[32];

    printf("%s  beside %s, by %s\n", x->mine.title, x->has_model ? x->model.name : x->other.title,
           by_names[c->by]);
    printf("%zu of %zu rows judged", c->total.n, c->n);
    if (c->n_unmatched > 0) {
        printf(x->has_model ? ", %zu before the model starts" : ", %zu where the other has nothing",
               c->n_unmatched);
    }
    if (x->has_model) {
        printf(", the model starts at %s",
               number(100.0 * c->start_soc, 2, " % of charge", soc, sizeof(soc)));
    }
    printf("\n\n");
    put_table(c);
    put_provenance(x);
    printf("\n%s%s%s", bad && a->colour ? "\033[31m" : "",
           c->total.verdict == COMPARE_PASS   ? "PASS"
           : c->total.verdict == COMPARE_WARN ? "WARN"
           : c->total.verdict == COMPARE_FAIL ? "FAIL"
                                              : "nothing to judge",
           bad && a->colour ? "\033[0m" : "");
    if (worst != COMPARE_SEGMENTS) {
        printf("  the worst segment is %s", compare_segment_names[worst]);
    }
    printf("%s%s\n", picture[0] ? "   plot: " : "", picture);
    return EXIT_DONE;
}

/* ---- JSON ---- */

static json_t *scores_json(const struct compare_scores *s)
{
    return json_pack("{s:I, s:I, s:o, s:o, s:o, s:o, s:o, s:o, s:o, s:o, s:s}", "rows",
                     (json_int_t)s->n, "inside", (json_int_t)s->n_inside, "rmse_v",
                     number_json(s->rmse_v), "mae_v", number_json(s->mae_v), "max_v",
                     number_json(s->max_v), "max_at_s", number_json(s->max_at_s), "bias_v",
                     number_json(s->bias_v), "nrmse", number_json(s->nrmse), "energy_error",
                     number_json(s->energy_error), "durbin_watson", number_json(s->durbin_watson),
                     "verdict", compare_verdict_names[s->verdict]);
}

static json_t *side_json(const struct side *s)
{
    json_t *o = json_pack("{s:s, s:s}", "title", s->title, "data", s->data);

    if (s->number) {
        json_object_set_new(o, "run", json_integer((json_int_t)s->number));
    }
    if (s->seed) {
        json_object_set_new(o, "seed", json_integer((json_int_t)s->seed));
    }
    return o;
}

int compare_print_json(const struct comparison *x)
{
    const struct compare *c = &x->c;
    enum compare_segment worst = compare_worst(c);
    json_t *o = json_object(), *segments = json_object();

    json_object_set_new(o, "measured", side_json(&x->mine));
    if (x->has_model) {
        json_object_set_new(o, "model",
                            json_pack("{s:s, s:s, s:s, s:s, s:o, s:o, s:o, s:o}", "name",
                                      x->model.name, "file", x->model_path, "version",
                                      BENCHCTL_VERSION, "parameters_sha256", x->model.hash,
                                      "start_soc", number_json(c->start_soc), "lead_ohm",
                                      number_json(x->how.lead_ohm), "temperature_k",
                                      number_json(x->how.temperature_k), "pressure_pa",
                                      number_json(x->how.pressure_pa)));
    } else {
        json_object_set_new(o, "other", side_json(&x->other));
    }
    json_object_set_new(o, "by", json_string(by_names[c->by]));
    json_object_set_new(
        o, "tolerances",
        json_pack("{s:o, s:o, s:o, s:o, s:o, s:o, s:o}", "band_v", number_json(c->limits.band_v),
                  "rmse_v", number_json(c->limits.rmse_v), "k", number_json(c->limits.k), "sigma_v",
                  number_json(c->limits.sigma_v), "mask_s", number_json(c->limits.mask_s), "pass",
                  number_json(c->limits.pass), "warn", number_json(c->limits.warn)));
    json_object_set_new(o, "rows", json_integer((json_int_t)c->n));
    json_object_set_new(o, "unmatched", json_integer((json_int_t)c->n_unmatched));
    for (unsigned i = 0; i < COMPARE_SEGMENTS; i++) {
        if (c->segment[i].n > 0) {
            json_object_set_new(segments, compare_segment_names[i], scores_json(&c->segment[i]));
        }
    }
    json_object_set_new(o, "segments", segments);
    json_object_set_new(o, "total", scores_json(&c->total));
    json_object_set_new(o, "worst",
                        worst == COMPARE_SEGMENTS ? json_null()
                                                  : json_string(compare_segment_names[worst]));
    return json_out(o);
}

/* ---- CSV ---- */

int compare_print_csv(const struct comparison *x)
{
    const struct compare *c = &x->c;

    puts("t_s,axis,segment,voltage_v,other_v,residual_v,band_v,judged");
    for (size_t k = 0; k < c->n; k++) {
        const struct compare_row *row = &c->row[k];

        csv_number(stdout, row->t_s, true);
        csv_number(stdout, row->axis, false);
        csv_cell(stdout, compare_segment_names[row->segment], false);
        csv_number(stdout, row->measured_v, false);
        csv_number(stdout, row->other_v, false);
        csv_number(stdout, row->measured_v - row->other_v, false);
        csv_number(stdout, row->band_v, false);
        csv_cell(stdout, row->judged ? "1" : "0", false);
        putchar('\n');
    }
    return ferror(stdout) ? EXIT_INTERNAL : EXIT_DONE;
}
