// Included by migrations.list.h for each migration, twice: in pass 1 it embeds the files of MIGRATION for the directory
// ENGINE, in pass 2 it writes their rows of the table. A directive cannot come out of a macro, hence a file.

#define CASSETS_TEXT(tokens) CASSETS_QUOTE(tokens)
#define CASSETS_QUOTE(tokens) #tokens
#define CASSETS_JOIN(left, right) CASSETS_PASTE(left, right)
#define CASSETS_PASTE(left, right) left##right
#define CASSETS_PATH(engine, suffix) CASSETS_TEXT(migrations/engine/MIGRATION.suffix)

#if __has_embed(CASSETS_PATH(ENGINE, up.sql))
#define CASSETS_KIND 1
#elif __has_embed(CASSETS_PATH(ENGINE, notx.up.sql))
#define CASSETS_KIND 2
#elif __has_embed(CASSETS_PATH(sqlite, up.sql)) || __has_embed(CASSETS_PATH(sqlite, notx.up.sql)) \
    || __has_embed(CASSETS_PATH(postgres, up.sql)) || __has_embed(CASSETS_PATH(postgres, notx.up.sql))
#define CASSETS_KIND 3
#else
#error "migrations.list.h names a migration that has no file"
#endif

#if CASSETS_PASS == 1

static const unsigned char CASSETS_JOIN(up_, MIGRATION)[] = {
#if CASSETS_KIND == 1
#embed CASSETS_PATH(ENGINE, up.sql) suffix(, )
#elif CASSETS_KIND == 2
#embed CASSETS_PATH(ENGINE, notx.up.sql) suffix(, )
#endif
    0};

#if CASSETS_KIND != 3
static const unsigned char CASSETS_JOIN(down_, MIGRATION)[] = {
#embed CASSETS_PATH(ENGINE, down.sql) suffix(, )
    0};
#endif

#else

#if CASSETS_KIND == 2
{CASSETS_TEXT(MIGRATION.notx.up.sql), CASSETS_JOIN(up_, MIGRATION), sizeof CASSETS_JOIN(up_, MIGRATION) - 1},
#else
{CASSETS_TEXT(MIGRATION.up.sql), CASSETS_JOIN(up_, MIGRATION), sizeof CASSETS_JOIN(up_, MIGRATION) - 1},
#endif
#if CASSETS_KIND != 3
{CASSETS_TEXT(MIGRATION.down.sql), CASSETS_JOIN(down_, MIGRATION), sizeof CASSETS_JOIN(down_, MIGRATION) - 1},
#endif

#endif

#undef CASSETS_KIND
#undef CASSETS_TEXT
#undef CASSETS_QUOTE
#undef CASSETS_JOIN
#undef CASSETS_PASTE
#undef CASSETS_PATH
#undef MIGRATION
