// The part of PKCS #11 v2.40 that certctl calls, written from the standard (OASIS, "PKCS #11 Cryptographic Token
// Interface Base Specification", sections 2, 3 and 5; "Current Mechanisms Specification"). Functions that certctl never
// calls have their place in the table and no type.
#ifndef CERTCTL_CPKCS11_H
#define CERTCTL_CPKCS11_H

typedef unsigned long ck_ulong;
typedef ck_ulong ck_rv;
typedef unsigned char ck_bool;

struct ck_version {
    unsigned char major;
    unsigned char minor;
};

// Texts are padded with blanks and not terminated.
struct ck_token_info {
    unsigned char label[32];
    unsigned char manufacturer[32];
    unsigned char model[16];
    unsigned char serial[16];
    ck_ulong flags;
    ck_ulong max_session_count;
    ck_ulong session_count;
    ck_ulong max_rw_session_count;
    ck_ulong rw_session_count;
    ck_ulong max_pin_length;
    ck_ulong min_pin_length;
    ck_ulong total_public_memory;
    ck_ulong free_public_memory;
    ck_ulong total_private_memory;
    ck_ulong free_private_memory;
    struct ck_version hardware_version;
    struct ck_version firmware_version;
    unsigned char utc_time[16];
};

struct ck_attribute {
    ck_ulong type;
    void *value;
    ck_ulong length;
};

struct ck_mechanism {
    ck_ulong mechanism;
    void *parameter;
    ck_ulong length;
};

struct ck_rsa_pkcs_pss_params {
    ck_ulong hash;
    ck_ulong mgf;
    ck_ulong salt_length;
};

struct ck_initialize_args {
    void *create_mutex;
    void *destroy_mutex;
    void *lock_mutex;
    void *unlock_mutex;
    ck_ulong flags;
    void *reserved;
};

typedef void (*ck_unused)(void);

// In the order of the standard.
struct ck_function_list {
    struct ck_version version;
    ck_rv (*C_Initialize)(void *arguments);
    ck_rv (*C_Finalize)(void *reserved);
    ck_unused C_GetInfo;
    ck_unused C_GetFunctionList;
    ck_rv (*C_GetSlotList)(ck_bool token_present, ck_ulong *slots, ck_ulong *count);
    ck_unused C_GetSlotInfo;
    ck_rv (*C_GetTokenInfo)(ck_ulong slot, struct ck_token_info *info);
    ck_unused C_GetMechanismList;
    ck_unused C_GetMechanismInfo;
    ck_unused C_InitToken;
    ck_unused C_InitPIN;
    ck_unused C_SetPIN;
    ck_rv (*C_OpenSession)(ck_ulong slot, ck_ulong flags, void *application, void *notify, ck_ulong *session);
    ck_rv (*C_CloseSession)(ck_ulong session);
    ck_unused C_CloseAllSessions;
    ck_unused C_GetSessionInfo;
    ck_unused C_GetOperationState;
    ck_unused C_SetOperationState;
    ck_rv (*C_Login)(ck_ulong session, ck_ulong user, const unsigned char *pin, ck_ulong pin_length);
    ck_unused C_Logout;
    ck_unused C_CreateObject;
    ck_unused C_CopyObject;
    ck_rv (*C_DestroyObject)(ck_ulong session, ck_ulong object);
    ck_unused C_GetObjectSize;
    ck_rv (*C_GetAttributeValue)(ck_ulong session, ck_ulong object, struct ck_attribute *template_, ck_ulong count);
    ck_unused C_SetAttributeValue;
    ck_rv (*C_FindObjectsInit)(ck_ulong session, struct ck_attribute *template_, ck_ulong count);
    ck_rv (*C_FindObjects)(ck_ulong session, ck_ulong *objects, ck_ulong limit, ck_ulong *count);
    ck_rv (*C_FindObjectsFinal)(ck_ulong session);
    ck_unused C_EncryptInit;
    ck_unused C_Encrypt;
    ck_unused C_EncryptUpdate;
    ck_unused C_EncryptFinal;
    ck_unused C_DecryptInit;
    ck_unused C_Decrypt;
    ck_unused C_DecryptUpdate;
    ck_unused C_DecryptFinal;
    ck_unused C_DigestInit;
    ck_unused C_Digest;
    ck_unused C_DigestUpdate;
    ck_unused C_DigestKey;
    ck_unused C_DigestFinal;
    ck_rv (*C_SignInit)(ck_ulong session, struct ck_mechanism *mechanism, ck_ulong key);
    ck_rv (*C_Sign)(
        ck_ulong session, const unsigned char *data, ck_ulong data_length, unsigned char *signature,
        ck_ulong *signature_length);
    ck_unused C_SignUpdate;
    ck_unused C_SignFinal;
    ck_unused C_SignRecoverInit;
    ck_unused C_SignRecover;
    ck_unused C_VerifyInit;
    ck_unused C_Verify;
    ck_unused C_VerifyUpdate;
    ck_unused C_VerifyFinal;
    ck_unused C_VerifyRecoverInit;
    ck_unused C_VerifyRecover;
    ck_unused C_DigestEncryptUpdate;
    ck_unused C_DecryptDigestUpdate;
    ck_unused C_SignEncryptUpdate;
    ck_unused C_DecryptVerifyUpdate;
    ck_unused C_GenerateKey;
    ck_rv (*C_GenerateKeyPair)(
        ck_ulong session, struct ck_mechanism *mechanism, struct ck_attribute *public_template,
        ck_ulong public_count, struct ck_attribute *private_template, ck_ulong private_count, ck_ulong *public_key,
        ck_ulong *private_key);
    ck_unused C_WrapKey;
    ck_unused C_UnwrapKey;
    ck_unused C_DeriveKey;
    ck_unused C_SeedRandom;
    ck_unused C_GenerateRandom;
    ck_unused C_GetFunctionStatus;
    ck_unused C_CancelFunction;
    ck_unused C_WaitForSlotEvent;
};

// Opens the shared library at `path` and asks it for its functions. Returns NULL and the table in `*list`, or what went
// wrong, to be freed by the caller. The library stays open for the life of the process: modules keep threads and state.
char *certctl_pkcs11_open(const char *path, struct ck_function_list **list);

// `C_Initialize` with locks of the operating system (CKF_OS_LOCKING_OK).
ck_rv certctl_pkcs11_initialize(struct ck_function_list *list);

#endif
