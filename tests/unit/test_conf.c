/* Unit tests of base/conf.c and base/schema.c: what loads, what is refused and where, and what
 * tables make of it. */
#include "base/conf.h"
#include "base/err.h"
#include "base/rng.h"
#include "base/str.h"

#include <check.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

static struct conf_doc load(const char *text)
{
    struct conf_doc doc = {0};
    struct diag d;
    char story[4000];

    diag_init(&d);
    if (conf_load_text("t.yaml", text, strlen(text), &doc, &d) < 0) {
        diag_format(&d, story, sizeof(story), false);
        ck_abort_msg("%s", story);
    }
    ck_assert_uint_eq(d.n, 0);
    return doc;
}

/* ---- What loads ---- */

START_TEST(tree_has_places)
{
    struct conf_doc doc = load("# head\n"
                               "a: b c  # x\n"
                               "'q u': \"q # z, {x: 1}\"\n"
                               "list:\n"
                               "  - 1\n"
                               "  - {p: 3, \xC3\xBC: [x y, 'it''s']}\n");
    const struct conf_node *a = conf_get(doc.root, "a"), *q = conf_get(doc.root, "q u");
    const struct conf_node *list = conf_get(doc.root, "list"), *map;

    ck_assert_int_eq(doc.root->kind, CONF_MAP);
    ck_assert_uint_eq(doc.root->n, 3);
    ck_assert_str_eq(a->text, "b c");
    ck_assert_int_eq(a->pos.line, 2);
    ck_assert_int_eq(a->pos.column, 4);
    ck_assert_int_eq(a->pos.length, 3);
    ck_assert_str_eq(a->pos.text, "a: b c  # x");
    ck_assert_str_eq(a->pos.file, "t.yaml");
    ck_assert_int_eq(a->key_pos.column, 1);
    ck_assert(!a->quoted && q->quoted);
    ck_assert_str_eq(q->text, "q # z, {x: 1}");
    ck_assert_int_eq(q->pos.column, 8);
    ck_assert_int_eq(q->pos.length, 15);
    ck_assert_int_eq(list->kind, CONF_SEQ);
    ck_assert_uint_eq(list->n, 2);
    map = list->first->next;
    ck_assert_ptr_null(map->next);
    ck_assert_ptr_null(map->key);
    ck_assert_int_eq(map->pos.column, 5);
    map = conf_get(map, "\xC3\xBC");
    ck_assert_int_eq(map->key_pos.column, 12); /* characters, not bytes */
    ck_assert_int_eq(map->key_pos.length, 1);
    ck_assert_str_eq(map->first->next->text, "it's");
    ck_assert_ptr_null(conf_get(map, "x"));
    ck_assert_ptr_null(conf_get(NULL, "x"));
    conf_done(&doc);
    conf_done(&doc);
}
END_TEST

START_TEST(single_values_load)
{
    struct conf_doc doc = load("[3 MPa, 1 MPa]");

    ck_assert_int_eq(doc.root->kind, CONF_SEQ);
    ck_assert_str_eq(doc.root->first->next->text, "1 MPa");
    conf_done(&doc);
    doc = load("C/10");
    ck_assert_str_eq(doc.root->text, "C/10");
    conf_done(&doc);
    doc = load("---\na: \"\"\r\nb: -5 V\r\n");
    ck_assert_str_eq(conf_get(doc.root, "a")->text, "");
    ck_assert_str_eq(conf_get(doc.root, "b")->text, "-5 V");
    ck_assert_str_eq(conf_get(doc.root, "b")->pos.text, "b: -5 V");
    conf_done(&doc);
}
END_TEST

/* Lines of the language as people write it: none may hit a refusal. */
START_TEST(language_loads)
{
    static const char text[] =
        "procedure: assb-contact-retention        # identity is the hash of the compiled program\n"
        "title: \"Formation of a pouch cell, with degas outside the rig\"\n"
        "version: 1.0.0\n"
        "made: {date: 2026-11-18, by: kt, batch: LP-44, pellet_pressure: 375 MPa}\n"
        "barcode: \"A5B-000017\"\n"
        "article: {kind: cell, needs: [capacity, limits.voltage]}\n"
        "needs:\n"
        "  cycler:  {voltage: 0 V .. 5 V, current: -20 mA .. 20 mA}\n"
        "parameters:\n"
        "  pressures: {default: [5 MPa, 4 MPa, 3 MPa], within: 0.1 MPa .. 10 MPa, about: stack "
        "pressures in test order}\n"
        "  rate: {default: C/10, within: C/100 .. 2C}\n"
        "  clock: {default: relative, one of: [relative, wall], about: days start at 00.00 local}\n"
        "guards:\n"
        "  cell.voltage: 2.0 V .. 4.4 V\n"
        "  rate(cell.temperature over 30 s): .. 2 K/min for 10 s\n"
        "  charge_current where cell.temperature < 5 degC: .. 0 A\n"
        "  lowest(bms.group.voltage) where contactor.main_plus closed: 2.8 V ..\n"
        "  gas.anode.flow: 0.9 .. 1.1 of set for 3 s          # loss of fuel is a trip, load "
        "first\n"
        "watch:                                   # background rules\n"
        "  - {when: rate(press.pressure over 10 min) < -0.5 MPa/h, do: alarm warn \"stack "
        "relaxes\"}\n"
        "record: every 10 s or 2 mV or 10 kPa     # default\n"
        "on_power_loss: {resume: within 10 min, else: pause}\n"
        "before:\n"
        "  - check: press.force within 5 N of 0 N\n"
        "steps:\n"
        "  - soak: {chamber: 60 degC, until: chamber.temperature within 0.5 K for 20 min, timeout: "
        "4 h else abort}\n"
        "  - each: {p: pressures}\n"
        "    as: staircase\n"
        "    steps:\n"
        "      - squeeze: {to: p, rate: 0.5 MPa/min, until: press.pressure within 0.05 MPa for 60 "
        "s}\n"
        "      - charge: {at: C/50, until: [charge >= 0.05 * capacity, cell.voltage >= 3.4 V], "
        "timeout: 6 h else pause}\n"
        "      - discharge: {at: C/3, stop: cell.voltage <= 2.5 V as empty, save: {q: charge, "
        "one_c: charge}}\n"
        "      - if: q < 0.5 * capacity\n"
        "        then:\n"
        "          - note: \"less than half the capacity at {p}: staircase ends\"\n"
        "          - leave staircase\n"
        "      - let: {self_discharge: (v_start - v_end) / 48 h}\n"
        "      - each: {sign: [1, -1]}\n"
        "        steps: [wait]\n"
        "      - if: day mod 7 == 0\n"
        "        then: [leave]\n"
        "safe:\n"
        "  A:\n"
        "    any: [output smu off, keep air]\n"
        "link: \"tcp:smu.lab:5025\"\n"
        "area: 2 cm^2   # \xC3\x97"
        "15.6: text of a comment, {as} [it] likes\n";
    struct conf_doc doc = load(text);
    const struct conf_node *guards = conf_get(doc.root, "guards");
    const struct conf_node *steps = conf_get(doc.root, "steps");

    ck_assert_uint_eq(doc.root->n, 17);
    ck_assert_str_eq(conf_get(guards, "rate(cell.temperature over 30 s)")->text,
                     ".. 2 K/min for 10 s");
    ck_assert_str_eq(conf_get(guards, "charge_current where cell.temperature < 5 degC")->text,
                     ".. 0 A");
    ck_assert_str_eq(conf_get(conf_get(doc.root, "watch")->first, "do")->text,
                     "alarm warn \"stack relaxes\"");
    ck_assert_str_eq(conf_get(conf_get(steps->first, "soak"), "until")->text,
                     "chamber.temperature within 0.5 K for 20 min");
    ck_assert_int_eq(steps->first->first->key_pos.line, 26);
    ck_assert_str_eq(conf_get(doc.root, "area")->text, "2 cm^2");
    conf_done(&doc);
}
END_TEST

/* ---- What is refused ---- */

struct refused {
    const char *text;
    int code, line, column;
    const char *part; /* of the message */
};

static const struct refused refused[] = {
  /* comments that cut */
    {"a: cell #3\nb: 1",                  E_INVALID, 1, 9,  "cut"                  },
    {"{a: cell #3, b: 1}",                E_INVALID, 1, 10, "cut"                  },
    {"a: 1\n#b: 2\n",                     E_INVALID, 2, 1,  "cut"                  },
    {"a: x#y",                            E_INVALID, 1, 5,  "'#'"                  },
    {"a: \"b\"#c",                        E_SYNTAX,  1, 7,  "comment"              },
 /* texts that YAML would read otherwise */
    {"a: b, c",                           E_INVALID, 1, 5,  "','"                  },
    {"a: [1,5 V, 2 V]",                   E_INVALID, 1, 6,  "digits"               },
    {"{rate: 1,5 V}",                     E_INVALID, 1, 9,  "digits"               },
    {"{p:1}",                             E_INVALID, 1, 3,  "':'"                  },
    {"a: http://x",                       E_INVALID, 1, 8,  "':'"                  },
    {"a: b: c\n",                         E_SYNTAX,  1, 5,  "same line"            },
    {"p:1\nq: 2",                         E_SYNTAX,  1, 1,  "key"                  },
    {"a: x]",                             E_INVALID, 1, 5,  "']'"                  },
    {"a: x{y",                            E_INVALID, 1, 5,  "'{'"                  },
    {"a: 2\tV",                           E_INVALID, 1, 5,  "tab"                  },
    {"a: @x",                             E_SYNTAX,  1, 4,  "start"                },
 /* values that are not there */
    {"a:\nb: 2",                          E_INVALID, 1, 1,  "no value"             },
    {"{a: 1, b}",                         E_INVALID, 1, 8,  "no value"             },
    {"a: ~",                              E_INVALID, 1, 1,  "no value"             },
    {"x: null",                           E_INVALID, 1, 1,  "no value"             },
    {"- a\n-\n- b",                       E_INVALID, 2, 1,  "without a value"      },
    {"{: 1}",                             E_INVALID, 1, 2,  "without a key"        },
    {"a: [1, , 2]",                       E_SYNTAX,  1, 8,  "comma"                },
    {"",                                  E_INVALID, 1, 1,  "nothing"              },
    {"# only\n",                          E_INVALID, 1, 1,  "nothing"              },
 /* keys */
    {"a: 1\nb: 3\na: 2\n",                E_EXISTS,  3, 1,  "second time"          },
    {"x: {a: 1, b: 2, a: 1}",             E_EXISTS,  1, 17, "second time"          },
    {"? [a]\n: b\n",                      E_INVALID, 1, 3,  "one word"             },
    {"? a\n: b\n",                        E_INVALID, 1, 1,  "long form"            },
    {"<<: {a: 1}",                        E_INVALID, 1, 1,  "merge"                },
 /* YAML that is not read here */
    {"a: &x 3",                           E_INVALID, 1, 4,  "anchor"               },
    {"a: *x",                             E_INVALID, 1, 4,  "alias"                },
    {"*x : 1",                            E_INVALID, 1, 1,  "alias"                },
    {"b: !t 5",                           E_INVALID, 1, 4,  "tag"                  },
    {"b: !!str 5",                        E_INVALID, 1, 4,  "tag"                  },
    {"a: |\n  x\nb: 2\n",                 E_INVALID, 1, 4,  "block text"           },
    {"a: >-\n  x\nb: 2\n",                E_INVALID, 1, 4,  "block text"           },
    {"a: 1\n---\nb: 2\n",                 E_INVALID, 2, 1,  "second document"      },
    {"a: 1\n...\nb: 2\n",                 E_INVALID, 2, 1,  "end mark"             },
    {"%YAML 1.2\n---\na: 1\n",            E_INVALID, 1, 1,  "directive"            },
 /* texts over several lines */
    {"a: 2 V\n  .. 3 V",                  E_INVALID, 1, 4,  "next line"            },
    {"a: \"x\n  y\"\n",                   E_INVALID, 1, 4,  "not closed"           },
    {"a: \"x\nb: 3\nc: \"y\"",            E_SYNTAX,  1, 4,  "not closed"           },
    {"a: 'x\nb: 3",                       E_SYNTAX,  1, 4,  "not closed"           },
 /* brackets and indentation */
    {"a: {b: {c: 1}\nd: 2\ne: 3",         E_SYNTAX,  1, 4,  "not closed"           },
    {"a: [1, 2\nb: 3",                    E_INVALID, 1, 8,  "next line"            },
    {"s:\n  - {w: a # b, c: 1}\n  - x\n", E_SYNTAX,  2, 5,  "bracket is not closed"},
    {"a: 1\n   # note\n: 2\n",            E_INVALID, 3, 1,  "without a key"        },
    {"a: [x]]",                           E_SYNTAX,  1, 7,  "closing"              },
    {"a: {x: 1, y: [1, 2}\nb: 3",         E_SYNTAX,  1, 19, "mismatched"           },
    {"a:\n  b: 1\n c: 2\n",               E_SYNTAX,  3, 2,  "indentation"          },
    {"a:\n\tb: 1",                        E_INVALID, 2, 1,  "tab"                  },
    {"a: {b: 1} c",                       E_SYNTAX,  1, 11, "after mapping"        },
 /* bytes */
    {"a: \"\xFF\"\n",                     E_INVALID, 1, 5,  "UTF-8"                },
    {"a: \xC0\x80\n",                     E_INVALID, 1, 4,  "UTF-8"                },
    {"a: \xED\xA0\x80\n",                 E_INVALID, 1, 4,  "UTF-8"                },
    {"a: b\xE2\x82",                      E_INVALID, 1, 5,  "UTF-8"                },
    {"\xEF\xBB\xBF"
     "a: 1",                         E_INVALID, 1, 1,  "byte order"           },
    {"a: 5\xC2\xA0V",                     E_INVALID, 1, 5,  "unusual blank"        },
    {"a: b\xE2\x80\xAE"
     "c",                            E_INVALID, 1, 5,  "invisible"            },
    {"a: b\xC2\x85"
     "c: 1",                         E_INVALID, 1, 5,  "invisible"            },
    {"a: b\033c",                         E_INVALID, 1, 5,  "control"              },
    {"a\rb: 1",                           E_INVALID, 1, 2,  "control"              },
    {"a: \"\\0\"",                        E_INVALID, 1, 4,  "control"              },
};

START_TEST(damage_is_refused)
{
    const struct refused *r = &refused[_i];
    struct conf_doc doc = {0};
    struct diag d;
    char story[4000];
    int rc;

    diag_init(&d);
    rc = conf_load_text("t.yaml", r->text, strlen(r->text), &doc, &d);
    diag_format(&d, story, sizeof(story), false);
    ck_assert_msg(rc == r->code, "code %d for: %s\n%s", rc, r->text, story);
    ck_assert_msg(d.finding[0].line == r->line && d.finding[0].column == r->column, "%d:%d: %s",
                  r->line, r->column, story);
    ck_assert_msg(strstr(d.finding[0].text, r->part) != NULL, "no '%s' in %s", r->part, story);
    ck_assert_int_eq(rc, d.finding[0].code);
    ck_assert_ptr_null(doc.root); /* nothing is handed out */
    ck_assert_int_eq(conf_load_text("t.yaml", r->text, strlen(r->text), &doc, NULL) < 0, 1);
}
END_TEST

START_TEST(nul_is_refused)
{
    struct conf_doc doc = {0};
    struct diag d;

    diag_init(&d);
    ck_assert_int_eq(conf_load_text("t", "a: 1\nb: \0 2\n", 12, &doc, &d), E_INVALID);
    ck_assert_int_eq(d.finding[0].line, 2);
    ck_assert_int_eq(d.finding[0].column, 4);
    ck_assert_ptr_nonnull(strstr(d.finding[0].text, "NUL"));
}
END_TEST

START_TEST(bounds_are_kept)
{
    struct conf_doc doc = {0};
    struct diag d;
    char deep[80];
    size_t most = 1 << 20;
    char *big = calloc(1, most + 2);

    for (int depth = 32; depth <= 33; depth++) {
        memset(deep, '[', (size_t)depth);
        memset(deep + depth, ']', (size_t)depth);
        diag_init(&d);
        int rc = conf_load_text("t", deep, 2 * (size_t)depth, &doc, &d);

        ck_assert_int_eq(rc, depth == 32 ? 0 : E_RANGE);
        ck_assert_int_eq(d.finding[0].column, depth == 32 ? d.finding[0].column : 33);
        conf_done(&doc);
    }
    ck_assert_ptr_nonnull(big);
    memset(big, '#', most + 1);
    memcpy(big, "a: 1\n", 5);
    diag_init(&d);
    ck_assert_int_eq(conf_load_text("t", big, most, &doc, &d), 0);
    conf_done(&doc);
    ck_assert_int_eq(conf_load_text("t", big, most + 1, &doc, &d), E_RANGE);
    free(big);
}
END_TEST

START_TEST(findings_run_from_top_to_bottom)
{
    static const char text[] = "a: x #1\nb:\nc: 1\nc: 2\nd: *y\n";
    struct conf_doc doc = {0};
    struct diag d;

    diag_init(&d);
    ck_assert_int_eq(conf_load_text("t", text, strlen(text), &doc, &d), E_INVALID);
    ck_assert_uint_eq(d.n, 4);
    ck_assert_int_eq(d.finding[0].line, 1);
    ck_assert_int_eq(d.finding[1].line, 2);
    ck_assert_int_eq(d.finding[2].line, 4);
    ck_assert_str_eq(d.finding[2].hint, "the first is in line 3");
    ck_assert_int_eq(d.finding[3].line, 5);
}
END_TEST

START_TEST(files_and_silence)
{
    char dir[] = "/tmp/test_conf.XXXXXX", path[64], log[64], *said;
    struct conf_doc doc = {0};
    struct diag d;
    size_t n;

    ck_assert_ptr_nonnull(mkdtemp(dir));
    snprintf(path, sizeof(path), "%s/f.yaml", dir);
    snprintf(log, sizeof(log), "%s/log", dir);
    diag_init(&d);
    ck_assert_int_eq(conf_load_file(path, &doc, &d), E_NOENT);
    ck_assert_str_eq(d.finding[0].file, path);
    ck_assert_int_eq(conf_load_file(dir, &doc, &d), E_IO);
    ck_assert_int_eq(file_write(path, "a: [1, 2", 8), 0);
    fflush(stderr);
    int keep = dup(2);

    ck_assert_ptr_nonnull(freopen(log, "w", stderr));
    ck_assert_int_lt(conf_load_file(path, &doc, &d), 0); /* libfyaml would like to print here */
    fflush(stderr);
    dup2(keep, 2);
    close(keep);
    ck_assert_int_eq(file_read(log, 1000, &said, &n), 0);
    ck_assert_uint_eq(n, 0);
    free(said);
    ck_assert_int_eq(file_write(path, "a: 1\n", 5), 0);
    ck_assert_int_eq(conf_load_file(path, &doc, &d), 0);
    ck_assert_str_eq(doc.file, path);
    conf_done(&doc);
    unlink(path);
    unlink(log);
    ck_assert_int_eq(rmdir(dir), 0);
}
END_TEST

/* Any bytes end in a tree or in findings with a place inside of the text. */
START_TEST(wild_edits_are_survived)
{
    static const char base[] =
        "a: {b: [1, \"x # y\"], c: 2 V .. 3 V}  # z\n- 'q'\nd:\n  - e: f\n    g: h\n";
    static const char bytes[] = " \n\t\"'#:,-[]{}&*!|>?%@`~\\a0\xC3\xBC.";
    struct rng r;

    rng_seed(&r, 11, 0);
    for (int i = 0; i < 1500; i++) {
        struct conf_doc doc = {0};
        struct diag d;
        char text[sizeof(base)];
        int rc;

        memcpy(text, base, sizeof(base));
        for (uint32_t k = rng_below(&r, 4) + 1; k > 0; k--)
            text[rng_below(&r, sizeof(base) - 1)] = bytes[rng_below(&r, sizeof(bytes) - 1)];
        diag_init(&d);
        rc = conf_load_text("t", text, sizeof(base) - 1, &doc, &d);
        ck_assert_int_eq(rc<0, d.n> 0);
        for (size_t f = 0; f < d.n; f++)
            ck_assert(d.finding[f].line >= 1 && d.finding[f].line <= 6 && d.finding[f].column >= 1);
        if (rc == 0)
            conf_done(&doc);
    }
}
END_TEST

int main(void)
{
    Suite *s = suite_create("conf");
    TCase *c;
    SRunner *runner;
    int failed;

    c = tcase_create("loading");
    suite_add_tcase(s, c);
    tcase_add_test(c, tree_has_places);
    tcase_add_test(c, single_values_load);
    tcase_add_test(c, language_loads);
    tcase_add_loop_test(c, damage_is_refused, 0, (int)ARRAY_LEN(refused));
    tcase_add_test(c, nul_is_refused);
    tcase_add_test(c, bounds_are_kept);
    tcase_add_test(c, findings_run_from_top_to_bottom);
    tcase_add_test(c, files_and_silence);
    tcase_add_test(c, wild_edits_are_survived);
    runner = srunner_create(s);
    srunner_run_all(runner, CK_NORMAL);
    failed = srunner_ntests_failed(runner);
    srunner_free(runner);
    return failed == 0 ? 0 : 1;
}
