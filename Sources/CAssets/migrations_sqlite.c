#pragma clang diagnostic ignored "-Wc23-extensions"
#include "CAssets.h"

#define ENGINE sqlite

#define CASSETS_PASS 1
#include "migrations.list.h"
#undef CASSETS_PASS

#define CASSETS_PASS 2
static const CAssetsFile ladder[] = {
#include "migrations.list.h"
    {"", (const unsigned char *)"", 0}};

CAssetsLadder cassets_migrations_sqlite(void) {
    return (CAssetsLadder){ladder, sizeof ladder / sizeof ladder[0] - 1};
}
