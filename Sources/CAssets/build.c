#include "CAssets.h"

// Defined by the object file that a release links in (scripts/release-build); absent from other builds.
extern const char certctl_build_commit[] __attribute__((weak));
extern const char certctl_build_time[] __attribute__((weak));
extern const char certctl_build_modified[] __attribute__((weak));

CAssetsBuild cassets_build(void) {
    return (CAssetsBuild){
        .commit = certctl_build_commit ? certctl_build_commit : "",
        .time = certctl_build_time ? certctl_build_time : "",
        .is_modified = certctl_build_modified && certctl_build_modified[0] == '1',
    };
}
