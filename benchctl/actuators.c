/* benchctl/actuators.c - see actuators.h.
 *
 * The controller's death is the guardian's work: the station's safe sequence for `any` cause, then what the shared rules do when every station has ended. The host's death is the
 * watchdog relay's, which cuts what carries current and what heats; the air of a press it does not reach. What nothing reaches does as its hazard card says.
 */
#include "benchctl/actuators.h"

#include "base/str.h"

#include <string.h>

/* What the guardian does to it; NULL: nothing. */
static const struct safe_action *guardian_action(const struct bench *b, int station, uint8_t inst)
{
    const struct safe_action *found = NULL;
    const struct safe_rule *any = safe_rule_for(b, station, SAFE_ANY);
    for (int r = 0; r < b->n_rules; r++) {
        const struct safe_rule *rule = &b->rule[r];
        bool walked = rule == any || (rule->station < 0 && rule->when_all_ended);
        for (int k = 0; walked && k < rule->n; k++) {
            if (rule->action[k].inst == inst && rule->action[k].kind != ACTION_KEEP) {
                found = &rule->action[k];
            }
        }
    }
    return found;
}

/* The card without the heading that some drivers write. */
static const char *on_lost_link(const struct driver *d)
{
    const char *card = d->hazard[0] ? d->hazard[0] : "carries no energy";
    return str_starts(card, "lost link: ") ? card + strlen("lost link: ") : card;
}

static void say(char *buf, const char *text)
{
    size_t n = strlen(text);
    n = n < ACTUATOR_TEXT ? n : ACTUATOR_TEXT - 1;
    memcpy(buf, text, n);
    buf[n] = '\0';
}

static void tell_controller(const struct bench *b, int station, struct actuator *a)
{
    static const char *const words[] = {
        [ACTION_OUTPUT_OFF] = "guardian: output off within 1 s", [ACTION_SAFE] = "guardian: made safe within 1 s", [ACTION_SET] = "guardian: set to rest within 1 s",
        [ACTION_RAMP] = "guardian: set to rest within 1 s", /* without the ramp */
    };
    const struct safe_action *act = guardian_action(b, station, a->inst);
    if (act) {
        say(a->controller, words[act->kind]);
    } else {
        say(a->controller, on_lost_link(b->inst[a->inst].driver));
    }
}

static void tell_host(const struct bench *b, struct actuator *a, bool cut)
{
    const struct driver *d = b->inst[a->inst].driver;
    char period[40], text[ACTUATOR_TEXT];
    bool own = d->hazard[5] && !strstr(d->hazard[5], "none");
    a->stays = !(cut && b->watchdog.there) && !own;
    if (cut && b->watchdog.there) {
        qty_print(WATCHDOG_PERIODS * b->watchdog.period_s, DIMS_TIME, false, period, sizeof period);
        int r = str_fmt(text, sizeof text, "watchdog relay cuts it within %s", period);
        ASSERT(r == 0);
        say(a->host, text);
    } else {
        say(a->host, own ? d->hazard[5] : on_lost_link(d));
    }
}

int actuators_of(const struct bench *b, int station, struct actuator ret[3])
{
    const struct bench_station *st = &b->station[station];
    const struct {
        uint8_t inst;
        bool cut; /* by the watchdog relay */
    } all[] = {{st->cycler, true}, {st->chamber, true}, {st->regulator, false}};
    int n = 0;
    for (size_t k = 0; k < ARRAY_LEN(all); k++) {
        if (all[k].inst == INST_NONE) {
            continue;
        }
        struct actuator *a = &ret[n++];
        memset(a, 0, sizeof *a);
        a->inst = all[k].inst;
        tell_controller(b, station, a);
        say(a->guardian, "a successor");
        tell_host(b, a, all[k].cut);
    }
    return n;
}
