/* benchctl/control.c - see control.h. */
#define _GNU_SOURCE /* accept4() */
#include "benchctl/control.h"

#include "base/str.h"
#include "benchctl/session_priv.h"

#include <errno.h>
#include <jansson.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

int control_path(const char *lab, const char *bench, char *buf, size_t size)
{
    return str_fmt(buf, size, "%s/%s.sock", lab, bench);
}

/* ---- Lines come in ------------------------------------------------------------------------------------------------------------- */

static void peer_done(struct control_peer *p)
{
    if (p->fd >= 0) {
        loop_remove(&p->control->live->loop, p->fd);
        close(p->fd);
    }
    p->fd = -1;
    p->n = 0;
}

static void peer_ready(void *ctx, unsigned what)
{
    struct control_peer *p = ctx;
    ssize_t n = what & LOOP_READ ? recv(p->fd, p->line + p->n, sizeof p->line - 1 - p->n, MSG_DONTWAIT) : 0;
    bool full = p->n + 1 == sizeof p->line;
    if (n > 0) {
        p->n += (unsigned)n;
    } else if (full || n == 0 || (errno != EAGAIN && errno != EINTR)) {
        peer_done(p);
    }
}

/* More than a few at once are turned away: they may come again. */
static void somebody_came(void *ctx, unsigned what)
{
    struct control *c = ctx;
    (void)what;
    int fd = accept4(c->fd, NULL, NULL, SOCK_NONBLOCK | SOCK_CLOEXEC);
    for (unsigned k = 0; fd >= 0 && k < CONTROL_PEERS; k++) {
        struct control_peer *p = &c->peer[k];
        if (p->fd < 0 && loop_add(&c->live->loop, fd, LOOP_READ, peer_ready, p) == 0) {
            p->fd = fd;
            return;
        }
    }
    if (fd >= 0) {
        close(fd);
    }
}

int control_open(struct control *c, struct live *live, const char *path, struct diag *reterr)
{
    struct sockaddr_un at = {.sun_family = AF_UNIX};
    *c = (struct control){.live = live, .fd = -1};
    for (unsigned k = 0; k < CONTROL_PEERS; k++) {
        c->peer[k] = (struct control_peer){.control = c, .fd = -1};
    }
    if (!str_copy(at.sun_path, sizeof at.sun_path, path) || !str_copy(c->path, sizeof c->path, path)) {
        return diag_add(reterr, E_RANGE, "the path of the lab is too long for a socket: nobody can pause this run");
    }
    unlink(path); /* of a controller that died; the lock says that it is not at work */
    c->fd = socket(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
    union {
        struct sockaddr any;
        struct sockaddr_un un;
    } where = {.un = at};
    if (c->fd < 0 || bind(c->fd, &where.any, sizeof at) < 0 || chmod(path, 0660) < 0 || listen(c->fd, CONTROL_PEERS) < 0 ||
        loop_add(&live->loop, c->fd, LOOP_READ, somebody_came, c) < 0) {
        int r = diag_add(reterr, E_IO, "%s: %s", path, strerror(errno));
        if (c->fd >= 0) {
            close(c->fd);
            c->fd = -1;
        }
        return r;
    }
    return 0;
}

void control_close(struct control *c)
{
    if (!c->live || c->fd < 0) {
        return;
    }
    for (unsigned k = 0; k < CONTROL_PEERS; k++) {
        peer_done(&c->peer[k]);
    }
    loop_remove(&c->live->loop, c->fd);
    close(c->fd);
    unlink(c->path);
    c->fd = -1;
}

/* ---- What they say ---------------------------------------------------------------------------------------------------------------- */

static const struct word {
    const char *word;
    enum op op;
} words[] = {{"pause", OP_PAUSE}, {"resume", OP_RESUME}, {"skip", OP_SKIP}, {"stop", OP_STOP_AFTER_STEP}, {"abort", OP_ABORT}};

/* NULL name: the only one. */
static struct session *meant(struct session *lead, const char *name)
{
    for (unsigned k = 0; k < lead->n_crew; k++) {
        struct session *s = lead->crew[k];
        if (name ? strcmp(s->bench->station[s->station].name, name) == 0 : lead->n_crew == 1) {
            return s;
        }
    }
    return NULL;
}

static void answer(struct control_peer *p, json_t *o)
{
    char *text = json_dumps(o, JSON_COMPACT);
    json_decref(o);
    if (text) { /* one line into an empty buffer: it fits, or its reader has gone */
        (void)!send(p->fd, text, strlen(text), MSG_NOSIGNAL | MSG_DONTWAIT);
        (void)!send(p->fd, "\n", 1, MSG_NOSIGNAL | MSG_DONTWAIT);
    }
    free(text);
    peer_done(p);
}

static json_t *refusal(const char *why)
{
    return json_pack("{ss}", "error", why);
}

/* The engine takes no word that it cannot follow: what the run does afterwards is the answer. */
static json_t *obey(struct session *s, enum op op, int *ret, struct diag *reterr)
{
    char story[MESSAGE_MAX] = "";
    if (!s->s.started || s->s.ended) {
        return refusal(s->s.ended ? "its run has ended" : "its run has not begun yet");
    }
    enum run_state before = (enum run_state)s->run->state;
    struct event e = {.kind = EV_OPERATOR, .code = (uint16_t)op, .chan = CHAN_NONE, .stamp = s->rig->s.now};
    *ret = session_feed(s, &e, reterr);
    if (s->run->state == RUN_PAUSED) {
        run_story(s->run, s->program, story, sizeof story);
    }
    json_t *o = json_pack("{sssssI}", "station", s->bench->station[s->station].name, "state", run_state_name((enum run_state)s->run->state), "run", (json_int_t)s->number);
    if (story[0]) {
        json_object_set_new(o, "why", json_string(story));
    }
    if (op == OP_RESUME && s->run->state == RUN_PAUSED) {
        json_object_set_new(o, "error", json_string("it cannot go on yet: what it paused for is still so"));
    } else if (op == OP_RESUME && before != RUN_PAUSED) {
        json_object_set_new(o, "error", json_string("it is not paused"));
    }
    return o;
}

static int do_line(struct control_peer *p, struct session *lead, struct diag *reterr)
{
    int r = 0;
    char *station = strchr(p->line, ' ');
    if (station) {
        *station++ = '\0';
    }
    const struct word *w = NULL;
    for (size_t k = 0; k < ARRAY_LEN(words); k++) {
        w = strcmp(words[k].word, p->line) == 0 ? &words[k] : w;
    }
    struct session *s = meant(lead, station);
    if (!w) {
        answer(p, refusal("not a word of control: pause, resume, skip, stop, abort"));
    } else if (!s) {
        answer(p, refusal(station ? "no run on a station of that name" : "several runs: say which station"));
    } else {
        answer(p, obey(s, w->op, &r, reterr));
    }
    return r;
}

int control_work(struct control *c, struct session *lead, struct diag *reterr)
{
    int r = 0;
    for (unsigned k = 0; k < CONTROL_PEERS && r == 0; k++) {
        struct control_peer *p = &c->peer[k];
        char *end = p->fd >= 0 ? memchr(p->line, '\n', p->n) : NULL;
        if (end) {
            *end = '\0';
            r = do_line(p, lead, reterr);
        }
    }
    return r;
}
