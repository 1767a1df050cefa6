#include "CPKCS11.h"

#include <dlfcn.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

// 68 functions after a version that is padded to a pointer.
_Static_assert(sizeof(struct ck_function_list) == 69 * sizeof(void *), "the table of functions has 68 places");
_Static_assert(offsetof(struct ck_function_list, C_Sign) == 44 * sizeof(void *), "C_Sign is the 44th function");

static char *described(const char *format, const char *text) {
    size_t length = strlen(format) + strlen(text) + 1;
    char *message = malloc(length);
    if (message != NULL) snprintf(message, length, format, text);
    return message != NULL ? message : strdup("no memory");
}

char *certctl_pkcs11_open(const char *path, struct ck_function_list **list) {
    *list = NULL;
    void *library = dlopen(path, RTLD_NOW | RTLD_LOCAL);
    if (library == NULL) {
        const char *reason = dlerror();
        return described("%s", reason != NULL ? reason : "it does not open");
    }
    ck_rv (*get)(struct ck_function_list **) =
        (ck_rv(*)(struct ck_function_list **))dlsym(library, "C_GetFunctionList");
    if (get == NULL) return strdup("it is no PKCS#11 module: it has no function C_GetFunctionList");
    struct ck_function_list *functions = NULL;
    if (get(&functions) != 0 || functions == NULL) return strdup("its C_GetFunctionList fails");
    if (functions->version.major != 2) return strdup("it does not speak version 2 of PKCS#11");
    *list = functions;
    return NULL;
}

ck_rv certctl_pkcs11_initialize(struct ck_function_list *list) {
    if (list->C_Initialize == NULL) return 0x54UL;  // CKR_FUNCTION_NOT_SUPPORTED
    struct ck_initialize_args arguments;
    memset(&arguments, 0, sizeof arguments);
    arguments.flags = 2;  // CKF_OS_LOCKING_OK
    return list->C_Initialize(&arguments);
}
