/* drivers/virtual/alicat_pcd_pages.c - the maker's page and the table of data fields of a
 * PCD-150PSIG-D, from the fact sheet alicat.
 *
 * Only the rows M04 and M09 and the pressure rows have a source; the rest has the right place and
 * our own words.
 */
#include "drivers/virtual/alicat_pcd_priv.h"

static void put_lines(struct emu_reply *r, char unit, const char *const *lines, size_t n)
{
    for (size_t i = 0; i < n; i++) {
        if (i > 0)
            emu_put_char(r, '\r');
        emu_put_char(r, unit);
        emu_put_char(r, ' ');
        emu_put(r, lines[i]);
    }
}

void alicat_put_maker(struct emu_reply *r, char unit, bool absolute)
{
    const char *lines[] = {
        "M00 Alicat Scientific, Inc",
        "M01 www.alicat.com",
        "M02 no telephone",
        "M03 no mail",
        "M04 Model Number PCD-150PSIG-D",
        "M05 Serial Number 000001",
        "M06 Date Manufactured 01/09/2025",
        "M07 Date Calibrated 01/09/2025",
        "M08 Calibrated By nobody",
        "M09 Software Revision 10v20.0-R24",
    };

    if (absolute)
        lines[4] = "M04 Model Number PCD-150PSIA-D";
    put_lines(r, unit, lines, ARRAY_LEN(lines));
}

void alicat_put_fields(struct emu_reply *r, char unit, bool absolute)
{
    static const char header[] =
        "D00 ID_ NAME______________________ TYPE_______ WIDTH NOTES___________________";
    static const char *const gauge[] = {
        header,
        "D01 006 Gauge Press s decimal 7/2 010 02 PSIG",
        "D02 038 Gauge Press Setpt s decimal 7/2 010 02 PSIG",
    };
    static const char *const abs[] = {
        header,
        "D01 002 Abs Press s decimal 7/2 010 02 PSIA",
        "D02 034 Abs Press Setpt s decimal 7/2 010 02 PSIA",
    };

    put_lines(r, unit, absolute ? abs : gauge, ARRAY_LEN(gauge));
}
