#ifndef CASSETS_H
#define CASSETS_H

#include <stdbool.h>
#include <stddef.h>

/// One migration file of one engine, embedded when this target is compiled.
typedef struct {
    /// `000001_initial_schema.up.sql`
    const char *_Nonnull name;
    /// Not terminated; empty for a version that has nothing to do on this engine.
    const unsigned char *_Nonnull bytes;
    size_t length;
} CAssetsFile;

typedef struct {
    const CAssetsFile *_Nonnull files;
    size_t count;
} CAssetsLadder;

/// Of which source a release was built; empty texts in other builds.
typedef struct {
    const char *_Nonnull commit;
    const char *_Nonnull time;
    bool is_modified;
} CAssetsBuild;

CAssetsBuild cassets_build(void);
CAssetsLadder cassets_migrations_sqlite(void);
CAssetsLadder cassets_migrations_postgres(void);

#endif
