/* base/conf.h - the strict YAML that people write, as a tree with places, and the schema tables
 * that check it.
 *
 * libfyaml parses; this room refuses everything that YAML would damage in silence (HOUSE.md par.
 * 6): text that is not UTF-8 or holds a NUL, more than one document, anchors, aliases, tags,
 * directives, merge keys, ` #` followed by a non-blank (a comment must be `# `, else `cell #3` is
 * cut), keys without a value, duplicate keys, plain texts with a comma, colon, hash, bracket or
 * brace that YAML would read otherwise, block scalars, an expression over several lines, tabs as
 * indentation. Each with place and hint.
 */
#ifndef BASE_CONF_H
#define BASE_CONF_H

#include "base/diag.h"
#include "base/mem.h"
#include "base/qty.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum conf_kind {
    CONF_SCALAR,
    CONF_SEQ,
    CONF_MAP
};

struct conf_node {
    enum conf_kind kind;
    bool quoted;                          /* scalar was in quotes */
    const char *text;                     /* scalar: its text, never NULL */
    const char *key;                      /* in a map: the key's text; else NULL */
    struct diag_pos pos;                  /* of the value; text is the source line */
    struct diag_pos key_pos;              /* of the key */
    const struct conf_node *first, *next; /* children in file order; siblings */
    unsigned n;                           /* number of children */
};

struct conf_doc {
    struct arena arena; /* owns the tree, the file's text and its name */
    const struct conf_node *root;
    const char *file;
    const char *text; /* the whole file, NUL-terminated */
    size_t n;
};

/* Load and refuse. Everything found wrong is in reterr (several findings); returns its first code.
 * `name` is what messages call the file. */
int conf_load_file(const char *path, struct conf_doc *ret, struct diag *reterr) MUST_USE;
int conf_load_text(const char *name, const char *text, size_t n, struct conf_doc *ret,
                   struct diag *reterr) MUST_USE;
void conf_done(struct conf_doc *doc); /* takes a zeroed one */

const struct conf_node *conf_get(const struct conf_node *map,
                                 const char *key); /* NULL when absent or not a map */

/* ---- Schema tables
 * ------------------------------------------------------------------------------------------ */

struct range {
    double lo, hi; /* SI; -INFINITY / INFINITY where open */
};

enum conf_type {
    CONF_TEXT,  /* const char *, in the doc's arena */
    CONF_NAME,  /* const char *: letters, digits, - _ . only */
    CONF_INT,   /* int32_t, within min..max */
    CONF_BOOL,  /* bool: yes/no, true/false, on/off are all refused but yes, no, true, false */
    CONF_QTY,   /* double in SI; dims must match; min..max */
    CONF_RANGE, /* struct range: "2.0 V .. 4.4 V", ".. 6 mA", "1 s ..", "0.05 .. 0.1"; the unit may
                   stand once: "2 .. 4 V" is refused with a hint */
    CONF_ENUM,  /* int32_t: index into choices */
    CONF_TABLE, /* nested map checked by `sub` into the nested struct at offset */
    CONF_NODE,  /* const struct conf_node *: the caller reads it */
    CONF_TEXTS, /* struct conf_texts: a list of scalars, or one scalar */
};

struct conf_texts {
    const char **text;
    unsigned n;
};

struct schema;
struct conf_key {
    const char *name;
    enum conf_type type;
    bool required;
    struct dims dims;           /* CONF_QTY, CONF_RANGE */
    bool point;                 /* temperature on the scale */
    double min, max;            /* CONF_INT, CONF_QTY; both 0: not checked */
    const char *const *choices; /* CONF_ENUM: NULL-terminated */
    const struct schema *sub;   /* CONF_TABLE */
    size_t offset;              /* in the caller's struct */
    const char *help;           /* one line for the reference page */
};

struct schema {
    const char *name; /* "article" */
    const char *about;
    const struct conf_key *keys; /* ends with name == NULL */
    bool open;                   /* unknown keys are allowed (kept for the record) */
};

#define CONF_OFFSET(type, field) offsetof(struct type, field)

/* Validate `map` and fill the struct (fields of absent keys stay as they are: set defaults before).
 * All findings are reported, not only the first; unknown keys get "did you mean". */
int conf_apply(const struct conf_node *map, const struct schema *schema, void *ret_struct,
               struct conf_doc *doc, struct diag *reterr) MUST_USE;

/* Scalars, for callers that walk nodes themselves. dims NULL: any. */
int conf_qty(const struct conf_node *node, const struct dims *dims, struct qty *ret,
             struct diag *reterr) MUST_USE;
int conf_range(const struct conf_node *node, struct dims dims, bool point, struct range *ret,
               struct diag *reterr) MUST_USE;
int conf_int(const struct conf_node *node, int64_t min, int64_t max, int64_t *ret,
             struct diag *reterr) MUST_USE;

/* The reference page of a schema as Markdown, appended. */
struct text;
void conf_reference(const struct schema *schema, struct text *out);

#endif
