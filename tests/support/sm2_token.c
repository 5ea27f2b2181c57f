/* A PKCS#11 module that does SM2 by a vendor's mechanisms, with OpenSSL behind it, and fails as it is told. For tests. */
#include <pthread.h>
#include <string.h>
#include <openssl/ec.h>
#include <openssl/evp.h>

typedef unsigned long ul;
typedef unsigned char byte;
typedef struct { ul type; void *value; ul size; } attribute;
typedef struct { void *functions[4]; ul flags; void *reserved; } arguments;
typedef struct { ul mechanism; void *parameter; ul size; } mechanism;

enum { KEY_TYPE = 0x80000101, MAKE = 0x80000201, SIGN_DIGEST = 0x80000202, SIGN_MESSAGE = 0x80000203 };
enum { OK = 0, SLOT_ID_INVALID = 3, ATTRIBUTE_SENSITIVE = 0x11, ATTRIBUTE_TYPE_INVALID = 0x12, DATA_LEN_RANGE = 0x21,
       NOT_SUPPORTED = 0x54, KEY_HANDLE_INVALID = 0x60, MECHANISM_INVALID = 0x70, OPERATION_NOT_INITIALIZED = 0x91,
       PIN_INCORRECT = 0xA0, SESSION_COUNT = 0xB1, SESSION_HANDLE_INVALID = 0xB3, TOKEN_NOT_PRESENT = 0xE0,
       ALREADY_LOGGED_IN = 0x100, NOT_LOGGED_IN = 0x101, NOT_INITIALIZED = 0x190, ALREADY_INITIALIZED = 0x191 };
enum { MOST = 64, PUBLIC = 2, PRIVATE = 3 };

static struct { EVP_PKEY *pair; byte point[67], label[64], id[32]; ul label_size, id_size; } keys[MOST];
static struct { ul handle; attribute wanted[8]; ul many, next; mechanism signing; ul key; } sessions[MOST];
static ul count, newest, initialised, locking, logged_in, most_sessions = MOST, logins, peeks, leaky, flags = 0x40D;
static ul present = 1, bare;
static struct { char name[32]; ul result, times; } fault;
static pthread_mutex_t mutex = PTHREAD_MUTEX_INITIALIZER;

/* What the tests call. */
void token_fail(const char *name, ul result, ul times) { strncpy(fault.name, name, 31); fault.result = result; fault.times = times; }
void token_present(ul is) { present = is; }
void token_restart(void) { memset(sessions, 0, sizeof sessions); logged_in = 0; }
void token_limit(ul most) { most_sessions = most; }
void token_leak(ul is) { leaky = is; }
void token_flags(ul now) { flags = now; }
void token_bare_points(ul is) { bare = is; }
void token_empty(void) { count = 0; token_restart(); }
void token_swap(ul one, ul other) { EVP_PKEY *kept = keys[one].pair; keys[one].pair = keys[other].pair; keys[other].pair = kept; }
ul token_left(void) { return fault.times; }
ul token_logins(void) { return logins; }
ul token_peeks(void) { return peeks; }
ul token_locking(void) { return locking; }
ul token_sessions(void) { ul open = 0; for (int i = 0; i < MOST; i++) open += sessions[i].handle != 0; return open; }

static ul failing(const char *name) {
    ul result = OK;
    pthread_mutex_lock(&mutex);
    if (fault.times && !strcmp(fault.name, name)) { fault.times--; result = fault.result; }
    pthread_mutex_unlock(&mutex);
    return result;
}
#define BEGIN(name) { ul failed = failing(name); if (failed) return failed; if (!initialised) return NOT_INITIALIZED; }
#define SESSION(handle) long s = at(handle); if (s < 0) return SESSION_HANDLE_INVALID
static long at(ul handle) { for (int i = 0; handle && i < MOST; i++) if (sessions[i].handle == handle) return i; return -1; }
static void text(void *out, const char *words, ul size) { memset(out, ' ', size); memcpy(out, words, strlen(words)); }

static ul initialize(arguments *given) {
    ul failed = failing("initialize");
    if (failed) return failed;
    if (initialised) return ALREADY_INITIALIZED;
    locking = given && given->flags & 2;
    initialised = 1;
    return OK;
}
static ul finalize(void *r) { (void)r; if (!initialised) return NOT_INITIALIZED; initialised = 0; token_restart(); return OK; }
static ul get_info(byte *out) { BEGIN("info"); memset(out, 0, 88); out[0] = 2; out[1] = 40; text(out + 2, "Yinxin tests", 32); text(out + 48, "SM2 stub", 32); return OK; }
static ul get_slots(byte only_present, ul *out, ul *many) { BEGIN("slots"); *many = !only_present || present; if (out) *out = 7; return OK; }
static ul get_slot(ul slot, byte *out) { BEGIN("slot"); if (slot != 7) return SLOT_ID_INVALID; memset(out, 0, 112); text(out, "slot", 64); text(out + 64, "Yinxin tests", 32); *(ul *)(out + 96) = present; return OK; }
static ul get_token(ul slot, byte *out) {
    BEGIN("token");
    if (slot != 7) return SLOT_ID_INVALID;
    if (!present) return TOKEN_NOT_PRESENT;
    memset(out, 0, 208);
    text(out, "sm2", 32); text(out + 32, "Yinxin tests", 32); text(out + 64, "stub", 16); text(out + 80, "0001", 16);
    *(ul *)(out + 96) = flags;
    return OK;
}
static ul open_session(ul slot, ul f, void *a, void *b, ul *handle) {
    (void)slot; (void)f; (void)a; (void)b;
    BEGIN("open");
    if (!present) return TOKEN_NOT_PRESENT;
    pthread_mutex_lock(&mutex);
    ul result = SESSION_COUNT, open = 0;
    for (int i = 0; i < MOST; i++) open += sessions[i].handle != 0;
    for (int i = 0; i < MOST && open < most_sessions; i++)
        if (!sessions[i].handle) { memset(&sessions[i], 0, sizeof sessions[i]); *handle = sessions[i].handle = ++newest; result = OK; break; }
    pthread_mutex_unlock(&mutex);
    return result;
}
static ul close_session(ul handle) { BEGIN("close"); SESSION(handle); sessions[s].handle = 0; return OK; }
static ul login(ul handle, ul user, byte *pin, ul size) {
    (void)user;
    BEGIN("login");
    SESSION(handle); (void)s;
    if (logged_in) return ALREADY_LOGGED_IN;
    logins++;
    if (size != 4 || memcmp(pin, "2468", 4)) return PIN_INCORRECT;
    logged_in = 1;
    return OK;
}
static ul logout(ul handle) { BEGIN("logout"); SESSION(handle); (void)s; logged_in = 0; return OK; }

static ul value_of(ul handle, ul type, const void **value, ul *size) {
    static const byte yes = 1, no = 0;
    static const ul kinds[] = {PUBLIC, PRIVATE}, key_type = KEY_TYPE;
    static const byte sm2[] = {6, 8, 0x2A, 0x81, 0x1C, 0xCF, 0x55, 1, 0x82, 0x2D};
    ul k = (handle - 1) / 2, private = handle % 2;
    switch (type) {
    case 0x000: *value = &kinds[private]; *size = sizeof(ul); return OK;
    case 0x100: *value = &key_type; *size = sizeof(ul); return OK;
    case 0x003: *value = keys[k].label; *size = keys[k].label_size; return OK;
    case 0x102: *value = keys[k].id; *size = keys[k].id_size; return OK;
    case 0x103: case 0x165: case 0x164: case 0x163: *value = &yes; *size = 1; return private ? OK : ATTRIBUTE_TYPE_INVALID;
    case 0x162: *value = leaky ? &yes : &no; *size = 1; return private ? OK : ATTRIBUTE_TYPE_INVALID;
    case 0x108: *value = &yes; *size = 1; return private ? OK : ATTRIBUTE_TYPE_INVALID;
    case 0x10A: *value = &yes; *size = 1; return private ? ATTRIBUTE_TYPE_INVALID : OK;
    case 0x180: *value = sm2; *size = sizeof sm2; return OK;
    case 0x181: *value = keys[k].point + (bare ? 3 : 0); *size = bare ? 64 : 67; return private ? ATTRIBUTE_TYPE_INVALID : OK;
    case 0x011: peeks++; return ATTRIBUTE_SENSITIVE;
    }
    return ATTRIBUTE_TYPE_INVALID;
}
static ul exists(ul handle) { return handle && (handle - 1) / 2 < count && keys[(handle - 1) / 2].pair != NULL; }
static ul get_attributes(ul session, ul handle, attribute *wanted, ul many) {
    BEGIN("attributes");
    SESSION(session); (void)s;
    if (!exists(handle)) return KEY_HANDLE_INVALID;
    ul result = OK;
    for (ul i = 0; i < many; i++) {
        const void *value; ul size, one = value_of(handle, wanted[i].type, &value, &size);
        if (one) { result = one; wanted[i].size = (ul)-1; continue; }
        if (wanted[i].value) memcpy(wanted[i].value, value, size);
        wanted[i].size = size;
    }
    return result;
}
static ul find_init(ul session, attribute *wanted, ul many) {
    BEGIN("find");
    SESSION(session);
    static byte held[MOST][8][64];
    for (ul i = 0; i < many && i < 8; i++) {
        memcpy(held[s][i], wanted[i].value, wanted[i].size < 64 ? wanted[i].size : 64);
        sessions[s].wanted[i] = (attribute){wanted[i].type, held[s][i], wanted[i].size};
    }
    sessions[s].many = many; sessions[s].next = 1;
    return OK;
}
static ul find(ul session, ul *out, ul room, ul *many) {
    BEGIN("found");
    SESSION(session);
    *many = 0;
    for (; sessions[s].next <= 2 * count && *many < room; sessions[s].next++) {
        ul fits = exists(sessions[s].next) && (logged_in || sessions[s].next % 2 == 0);
        for (ul i = 0; fits && i < sessions[s].many; i++) {
            const void *value; ul size; attribute *one = &sessions[s].wanted[i];
            fits = !value_of(sessions[s].next, one->type, &value, &size) && size == one->size && !memcmp(value, one->value, size);
        }
        if (fits) out[(*many)++] = sessions[s].next;
    }
    return OK;
}
static ul find_final(ul session) { BEGIN("final"); SESSION(session); (void)s; return OK; }
static ul destroy(ul session, ul handle) {
    BEGIN("destroy");
    SESSION(session); (void)s;
    if (!handle || (handle - 1) / 2 >= count) return KEY_HANDLE_INVALID;
    EVP_PKEY_free(keys[(handle - 1) / 2].pair);
    keys[(handle - 1) / 2].pair = NULL;
    return OK;
}
static ul make(ul session, mechanism *by, attribute *of_public, ul many, attribute *of_private, ul private_many, ul *public, ul *private) {
    (void)of_private; (void)private_many;
    BEGIN("make");
    SESSION(session); (void)s;
    if (!logged_in) return NOT_LOGGED_IN;
    if (by->mechanism != MAKE || count == MOST) return MECHANISM_INVALID;
    EVP_PKEY *pair = EVP_PKEY_Q_keygen(NULL, NULL, "SM2");
    size_t size;
    keys[count].point[0] = 4; keys[count].point[1] = 65;
    EVP_PKEY_get_octet_string_param(pair, "pub", keys[count].point + 2, 65, &size);
    for (ul i = 0; i < many; i++) {
        if (of_public[i].type == 3) { memcpy(keys[count].label, of_public[i].value, of_public[i].size); keys[count].label_size = of_public[i].size; }
        if (of_public[i].type == 0x102) { memcpy(keys[count].id, of_public[i].value, of_public[i].size); keys[count].id_size = of_public[i].size; }
    }
    keys[count++].pair = pair;
    *private = 2 * count - 1; *public = 2 * count;
    return OK;
}
static ul sign_init(ul session, mechanism *by, ul key) {
    BEGIN("sign-init");
    SESSION(session);
    if (!logged_in) return NOT_LOGGED_IN;
    if (!exists(key) || key % 2 == 0) return KEY_HANDLE_INVALID;
    if (by->mechanism != SIGN_DIGEST && by->mechanism != SIGN_MESSAGE) return MECHANISM_INVALID;
    sessions[s].signing = *by; sessions[s].key = (key - 1) / 2;
    return OK;
}
static ul sign(ul session, byte *data, ul size, byte *out, ul *room) {
    SESSION(session);
    if (!out) { *room = 64; return OK; }
    BEGIN("sign");
    if (!sessions[s].signing.mechanism) return OPERATION_NOT_INITIALIZED;
    EVP_PKEY *pair = keys[sessions[s].key].pair;
    EVP_PKEY_CTX *context = EVP_PKEY_CTX_new(pair, NULL);
    EVP_MD_CTX *digest = EVP_MD_CTX_new();
    byte der[80]; size_t der_size = sizeof der; const byte *at_der = der;
    int good;
    if (sessions[s].signing.mechanism == SIGN_DIGEST) {
        good = size == 32 && EVP_PKEY_sign_init(context) == 1 && EVP_PKEY_sign(context, der, &der_size, data, size) == 1;
    } else {
        EVP_PKEY_CTX_set1_id(context, sessions[s].signing.parameter, (int)sessions[s].signing.size);
        EVP_MD_CTX_set_pkey_ctx(digest, context);
        good = EVP_DigestSignInit(digest, NULL, EVP_sm3(), NULL, pair) == 1 && EVP_DigestSign(digest, der, &der_size, data, size) == 1;
    }
    EVP_MD_CTX_free(digest); EVP_PKEY_CTX_free(context);
    sessions[s].signing.mechanism = 0;
    if (!good) return DATA_LEN_RANGE;
    ECDSA_SIG *numbers = d2i_ECDSA_SIG(NULL, &at_der, (long)der_size);
    BN_bn2binpad(ECDSA_SIG_get0_r(numbers), out, 32); BN_bn2binpad(ECDSA_SIG_get0_s(numbers), out + 32, 32);
    ECDSA_SIG_free(numbers);
    *room = 64;
    return OK;
}
static ul not_supported(void) { return NOT_SUPPORTED; }

static struct { byte version[2]; void *functions[68]; } list = {{2, 40}, {0}};
ul C_GetFunctionList(void **out) {
    /* In the order of PKCS#11 2.40, pkcs11f.h. */
    static const struct { int place; void *function; } ours[] = {
        {0, initialize}, {1, finalize}, {2, get_info}, {3, C_GetFunctionList}, {4, get_slots}, {5, get_slot}, {6, get_token},
        {12, open_session}, {13, close_session}, {18, login}, {19, logout}, {22, destroy}, {24, get_attributes}, {26, find_init},
        {27, find}, {28, find_final}, {42, sign_init}, {43, sign}, {59, make}};
    for (int i = 0; i < 68; i++) list.functions[i] = not_supported;
    for (ul i = 0; i < sizeof ours / sizeof *ours; i++) list.functions[ours[i].place] = ours[i].function;
    *out = &list;
    return OK;
}
