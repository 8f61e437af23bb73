/* benchctl/look.c - what runs, show and plot share. */
#include "benchctl/look.h"

#include "base/err.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

/* ---- Units ---- */

void shown_for(double most_si, struct dims d, bool point, int significant, struct shown *ret)
{
    double most = isfinite(most_si) ? fabs(most_si) : 0.0, top;
    struct shown s = {.scale = 1.0};
    struct dims parsed;
    char text[64];
    const char *blank;

    qty_print(point ? 300.0 : most, d, point, text, sizeof(text));
    blank = strchr(text, ' ');
    if (blank) {
        str_copy(s.unit, sizeof(s.unit), blank + 1);
        if (unit_parse(s.unit, strlen(s.unit), &s.scale, &s.offset, &parsed) < 0) {
            s = (struct shown){.scale = 1.0};
        }
    }
    /* as on a meter, a leading 1 is half a digit: 9.605 and 10.278 stand in one column */
    top = point ? 100.0 : most / s.scale / 2.0;
    s.decimals = significant - 1;
    for (double limit = 10.0; top >= limit && s.decimals > 0; limit *= 10.0) {
        s.decimals--;
    }
    for (double limit = 1.0; top > 0.0 && top < limit && s.decimals < 9; limit /= 10.0) {
        s.decimals++;
    }
    *ret = s;
}

double shown_value(const struct shown *s, double si)
{
    return (si - s->offset) / s->scale;
}

const char *shown_text(const struct shown *s, double si, char *buf, size_t size)
{
    char number[48];

    if (!isfinite(si)) {
        str_copy(buf, size, "-");
        return buf;
    }
    str_fixed(shown_value(s, si), s->decimals, 0, false, false, number, sizeof(number));
    int rc = str_fmt(buf, size, "%s%s%s", number, s->unit[0] ? " " : "", s->unit);
    (void)rc; /* a short buffer shows a short text */
    return buf;
}

/* ---- Runs ---- */

static bool is_path(const char *word)
{
    size_t n = strlen(word);

    return strchr(word, '/') || (n > 4 && strcmp(word + n - 4, ".run") == 0);
}

static int base_path(const struct args *a, const char *word, int64_t number, char *ret)
{
    if (!word || !is_path(word)) {
        return str_fmt(ret, LOOK_PATH_MAX, "%s/runs/%06lld", a->lab, (long long)number);
    }
    if (!str_copy(ret, LOOK_PATH_MAX, word)) {
        return E_FULL;
    }
    size_t n = strlen(ret);

    if (n > 4 && strcmp(ret + n - 4, ".run") == 0) {
        ret[n - 4] = '\0';
    }
    return 0;
}

int look_open(const struct args *a, const char *word, struct run_file **ret,
              struct run_info *ret_info, char *ret_base)
{
    struct run_file *f = NULL;
    struct diag d;
    int64_t number = 0;
    int rc;

    diag_init(&d);
    if (word && !is_path(word) && (str_to_int(word, strlen(word), &number) < 0 || number < 1)) {
        return cli_error(a, EXIT_USAGE,
                         "`%s` is no run: a number of `benchctl runs`, or the path of a run file",
                         word);
    }
    rc = word && is_path(word) ? run_open_path(word, &f, &d) : run_open(a->lab, number, &f, &d);
    if (rc < 0) {
        return cli_findings(a, &d);
    }
    rc = run_info(f, ret_info, &d);
    if (rc == 0 && ret_base && base_path(a, word, ret_info->number, ret_base) < 0) {
        rc = diag_add(&d, E_FULL, "the path of the run is too long");
    }
    if (rc < 0) {
        run_close(f);
        return cli_findings(a, &d);
    }
    *ret = f;
    return EXIT_DONE;
}

bool run_is_import(const struct run_info *r)
{
    return strcmp(r->procedure, "import") == 0 && r->bench[0] == '\0';
}

const char *run_what(const struct run_info *r, char *buf, size_t size)
{
    int rc = run_is_import(r) && r->title[0] ? str_fmt(buf, size, "import of %s", r->title)
                                             : str_fmt(buf, size, "%s", r->procedure);

    (void)rc; /* a long name is cut */
    return buf;
}

const char *wall_text(nsec wall, bool iso, char *buf, size_t size)
{
    /* Rounded down also before 1970, so that seconds never go backwards. */
    time_t t = (time_t)(wall / NSEC_S) - (wall % NSEC_S < 0);
    struct tm tm;

    buf[0] = '\0';
    if (gmtime_r(&t, &tm)) {
        strftime(buf, size, iso ? "%Y-%m-%dT%H:%M:%SZ" : "%Y-%m-%d %H:%M", &tm);
    }
    return buf;
}

const char *verdict_shown(const struct args *a, const char *verdict, bool ended, char *buf,
                          size_t size)
{
    const char *word = ended ? verdict : "not ended";
    bool loud = ended &&
                (str_starts(word, "trip") || str_starts(word, "abort") || str_starts(word, "fail"));
    int rc = str_fmt(buf, size, "%s%s%s", a->colour && loud ? "\033[31m" : "", word,
                     a->colour && loud ? "\033[0m" : "");

    (void)rc;
    return buf;
}

/* ---- Lists, JSON, CSV ---- */

void *list_add(struct list *l, const void *thing)
{
    if (l->n == l->size) {
        size_t size = 2 * l->size + 64;
        char *p = realloc(l->p, size * l->each);

        ASSERT(p != NULL);
        l->p = p;
        l->size = size;
    }
    void *place = l->p + l->n++ * l->each;

    memcpy(place, thing, l->each);
    return place;
}

void list_done(struct list *l)
{
    free(l->p);
    *l = (struct list){.each = l->each};
}

json_t *number_json(double v)
{
    return isfinite(v) ? json_real(v) : json_null();
}

int json_out(json_t *owned)
{
    json_dumpf(owned, stdout, JSON_INDENT(2) | JSON_REAL_PRECISION(17));
    putchar('\n');
    json_decref(owned);
    return EXIT_DONE;
}

void csv_cell(FILE *to, const char *text, bool first)
{
    if (!first) {
        fputc(',', to);
    }
    if (!strpbrk(text, ",\"\r\n")) {
        fputs(text, to);
        return;
    }
    fputc('"', to);
    for (; *text; text++) {
        if (*text == '"') {
            fputc('"', to);
        }
        fputc(*text, to);
    }
    fputc('"', to);
}

void csv_number(FILE *to, double v, bool first)
{
    char buf[32] = "";

    if (isfinite(v)) {
        str_from_double(v, buf, sizeof(buf));
    }
    csv_cell(to, buf, first);
}
