/* A stand-in for libcuda.so.1: the part of the CUDA driver API that tells which devices there are.
 * Signatures and error codes: CUDA driver API, docs.nvidia.com/cuda/cuda-driver-api.
 *
 * Variables read here, besides those of scenario.h:
 *
 *   STANDIN_CUINIT      error code that cuInit answers with: 100 no device, 802 system not ready (fabric
 *                       manager), 803 driver mismatch, 804 compatibility library on a consumer GPU, 999
 *                       unknown. Default 0, and 100 where no device is visible, as in the real one.
 *   STANDIN_CUDA_HANG   "init" or the name of a function: this call never returns.
 *   STANDIN_CUDA_ORDER  the indexes of STANDIN_GPUS fastest first, "1,0": the order CUDA counts devices in
 *                       unless CUDA_DEVICE_ORDER is PCI_BUS_ID. Default: PCI bus order.
 *   CUDA_VISIBLE_DEVICES, CUDA_DEVICE_ORDER   as the real library reads them (see `select_visible`).
 *
 * Built with -DSTANDIN_OLD it lacks cuDeviceGetUuid (CUDA 9.2) and cuDeviceGetUuid_v2 (11.4).
 *
 * Not modelled: contexts, memory, kernels, the "MIG-GPU-<uuid>/<gi>/<ci>" names of drivers before 470.
 */
#include <ctype.h>

#include "scenario.h"

enum {
    SUCCESS = 0,
    INVALID_VALUE = 1,
    NOT_INITIALIZED = 3,
    NO_DEVICE = 100,
    INVALID_DEVICE = 101
};

enum { /* CUdevice_attribute */
    PCI_BUS_ID = 33,
    PCI_DEVICE_ID = 34,
    PCI_DOMAIN_ID = 50,
    CAPABILITY_MAJOR = 75,
    CAPABILITY_MINOR = 76
};

struct device {
    const struct gpu *gpu;
    int instance; /* number of the MIG instance, -1 for a whole GPU */
};

struct device_list {
    int count;
    struct device devices[MOST_GPUS];
};

static struct device_list visible;
static int initialised;

#define ENTER(stage)                                                            \
    do {                                                                        \
        int refused_ = enter("cuda", "STANDIN_CUDA_HANG", stage, __func__);     \
        if (refused_)                                                           \
            return refused_;                                                    \
    } while (0)

#define ENTER_INITIALISED(stage)     \
    do {                             \
        ENTER(stage);                \
        if (!initialised)            \
            return NOT_INITIALIZED;  \
    } while (0)

static void add(struct device_list *list, const struct gpu *gpu, int instance)
{
    list->devices[list->count].gpu = gpu;
    list->devices[list->count++].instance = instance;
}

static int contains(const struct device_list *list, const struct gpu *gpu)
{
    int i;
    for (i = 0; i < list->count; i++)
        if (list->devices[i].gpu == gpu)
            return 1;
    return 0;
}

/* A lost GPU and one in MIG mode without instances are not enumerated, and of all MIG instances only one is
 * (NVIDIA MIG user guide, "CUDA device enumeration"). */
static void enumerate_one(struct device_list *all, const struct gpu *gpu)
{
    int i, has_instance = 0;
    if (gpu->lost || (gpu->mig && !gpu->mig_count) || contains(all, gpu))
        return;
    for (i = 0; i < all->count; i++)
        has_instance |= all->devices[i].instance >= 0;
    if (!gpu->mig)
        add(all, gpu, -1);
    else if (!has_instance)
        add(all, gpu, 0);
}

/* Where an instance is enumerated, no whole GPU is (the same place). */
static void leave_the_instance(struct device_list *all)
{
    int i;
    for (i = 0; i < all->count; i++)
        if (all->devices[i].instance >= 0) {
            all->devices[0] = all->devices[i];
            all->count = 1;
        }
}

static void enumerate(struct device_list *all)
{
    char order[TEXT], *rest = order, *entry;
    int index;
    copy(order, is("CUDA_DEVICE_ORDER", "PCI_BUS_ID") ? "" : getenv("STANDIN_CUDA_ORDER"));
    all->count = 0;
    while (*order && (entry = field(&rest, ','))) {
        index = atoi(entry);
        if (index >= 0 && index < machine()->gpu_count)
            enumerate_one(all, &machine()->gpus[index]);
    }
    for (index = 0; index < machine()->gpu_count; index++)
        enumerate_one(all, &machine()->gpus[index]);
    leave_the_instance(all);
}

/* The number an entry starts with, so that "1gpu" is 1; -1 for anything else. */
static long number(const char *entry)
{
    char *end;
    long value = strtol(entry, &end, 10);
    return end == entry || value < 0 ? -1 : value;
}

/* The only device whose uuid starts with `entry`, -1 for none or several. */
static int by_uuid(const struct device_list *all, const char *entry)
{
    int i, found = -1;
    for (i = 0; i < all->count; i++)
        if (strncmp(all->devices[i].gpu->uuid, entry, strlen(entry)) == 0) {
            if (found >= 0)
                return -1;
            found = i;
        }
    return found;
}

static void select_instance(const char *entry)
{
    int index, instance;
    for (index = 0; index < machine()->gpu_count; index++)
        for (instance = 0; instance < machine()->gpus[index].mig_count; instance++)
            if (strcmp(machine()->gpus[index].mig_uuid[instance], entry) == 0 && !machine()->gpus[index].lost) {
                add(&visible, &machine()->gpus[index], instance);
                return;
            }
}

/* CUDA_VISIBLE_DEVICES: indexes, or "GPU-" uuids of which a unique beginning is enough, or one "MIG-" uuid.
 * The first entry that names nothing ends the list; a device named twice leaves none. From the CUDA
 * programming guide, "CUDA environment variables"; the last point and "1gpu" from the reading of the same
 * variable in torch/cuda/__init__.py. */
static void select_visible(const struct device_list *all)
{
    const char *wanted = getenv("CUDA_VISIBLE_DEVICES");
    char *text, *rest, *entry;
    int uuids;
    long which;
    visible.count = 0;
    if (!wanted) {
        visible = *all;
        return;
    }
    while (isspace((unsigned char)*wanted))
        wanted++;
    uuids = strncmp(wanted, "GPU-", 4) == 0;
    rest = text = strdup(wanted);
    if (text && strncmp(text, "MIG-", 4) == 0) {
        select_instance(field(&rest, ','));
    } else {
        while (text && (entry = field(&rest, ','))) {
            which = !uuids ? number(entry) : strncmp(entry, "GPU-", 4) == 0 ? by_uuid(all, entry) : -1;
            if (which < 0 || which >= all->count)
                break;
            if (contains(&visible, all->devices[which].gpu)) {
                visible.count = 0;
                break;
            }
            add(&visible, all->devices[which].gpu, all->devices[which].instance);
        }
    }
    free(text);
}

EXPORT int cuInit(unsigned flags)
{
    struct device_list all;
    int code = atoi(setting("STANDIN_CUINIT", "0"));
    ENTER("init");
    if (flags)
        return INVALID_VALUE;
    if (code)
        return code;
    enumerate(&all);
    select_visible(&all);
    if (!visible.count)
        return NO_DEVICE;
    initialised = 1;
    return SUCCESS;
}

/* Answers before and without cuInit. */
EXPORT int cuDriverGetVersion(int *version)
{
    ENTER("version");
    if (!version)
        return INVALID_VALUE;
    *version = machine()->libcuda;
    return SUCCESS;
}

EXPORT int cuDeviceGetCount(int *count)
{
    ENTER_INITIALISED("count");
    if (!count)
        return INVALID_VALUE;
    *count = visible.count;
    return SUCCESS;
}

EXPORT int cuDeviceGet(int *device, int ordinal)
{
    ENTER_INITIALISED("device");
    if (!device)
        return INVALID_VALUE;
    if (ordinal < 0 || ordinal >= visible.count)
        return INVALID_DEVICE;
    *device = ordinal;
    return SUCCESS;
}

/* `device` is what cuDeviceGet gave: a CUdevice is a plain ordinal. */
#define DEVICE(name, stage)                                       \
    const struct device *name;                                    \
    ENTER_INITIALISED(stage);                                     \
    if (device < 0 || device >= visible.count)                    \
        return INVALID_DEVICE;                                    \
    name = &visible.devices[device]

EXPORT int cuDeviceGetName(char *name, int size, int device)
{
    char text[TEXT + 8];
    DEVICE(chosen, "name");
    if (!name || size <= 0)
        return INVALID_VALUE;
    snprintf(text, sizeof text, "%s%s", chosen->gpu->name, chosen->instance < 0 ? "" : " MIG");
    snprintf(name, (size_t)size, "%s", text); /* the real one cuts a long name off too */
    return SUCCESS;
}

EXPORT int cuDeviceGetAttribute(int *value, int attribute, int device)
{
    DEVICE(chosen, "attribute");
    if (!value)
        return INVALID_VALUE;
    switch (attribute) {
    case CAPABILITY_MAJOR: *value = chosen->gpu->major; return SUCCESS;
    case CAPABILITY_MINOR: *value = chosen->gpu->minor; return SUCCESS;
    case PCI_BUS_ID: *value = chosen->gpu->index + 1; return SUCCESS;
    case PCI_DEVICE_ID: *value = 0; return SUCCESS;
    case PCI_DOMAIN_ID: *value = 0; return SUCCESS;
    default: return INVALID_VALUE;
    }
}

EXPORT int cuDeviceTotalMem_v2(size_t *bytes, int device)
{
    DEVICE(chosen, "memory");
    if (!bytes)
        return INVALID_VALUE;
    *bytes = (size_t)chosen->gpu->bytes;
    return SUCCESS;
}

EXPORT int cuDeviceGetPCIBusId(char *bus_id, int size, int device)
{
    DEVICE(chosen, "pci");
    if (!bus_id || size < 13)
        return INVALID_VALUE;
    snprintf(bus_id, (size_t)size, "0000:%02X:00.0", (chosen->gpu->index + 1) & 0xff);
    return SUCCESS;
}

#ifndef STANDIN_OLD
/* The 16 bytes behind "GPU-" or "MIG-": hexadecimal digits in order, dashes left out. */
static void uuid_bytes(unsigned char *bytes, const char *text)
{
    int digits = 0;
    unsigned digit;
    memset(bytes, 0, 16);
    for (text += strlen(text) > 4 ? 4 : 0; *text && digits < 32; text++)
        if (isxdigit((unsigned char)*text) && sscanf(text, "%1x", &digit) == 1) {
            bytes[digits / 2] |= (unsigned char)(digit << (digits % 2 ? 0 : 4));
            digits++;
        }
}

EXPORT int cuDeviceGetUuid(unsigned char *uuid, int device)
{
    DEVICE(chosen, "uuid");
    if (!uuid)
        return INVALID_VALUE;
    uuid_bytes(uuid, chosen->gpu->uuid);
    return SUCCESS;
}

/* Unlike the first form this one gives the uuid of the MIG instance. */
EXPORT int cuDeviceGetUuid_v2(unsigned char *uuid, int device)
{
    DEVICE(chosen, "uuid");
    if (!uuid)
        return INVALID_VALUE;
    uuid_bytes(uuid, chosen->instance < 0 ? chosen->gpu->uuid : chosen->gpu->mig_uuid[chosen->instance]);
    return SUCCESS;
}
#endif

struct error {
    int code;
    const char *name, *text;
};

static const struct error errors[] = {
    {SUCCESS, "CUDA_SUCCESS", "no error"},
    {INVALID_VALUE, "CUDA_ERROR_INVALID_VALUE", "invalid argument"},
    {NOT_INITIALIZED, "CUDA_ERROR_NOT_INITIALIZED", "initialization error"},
    {34, "CUDA_ERROR_STUB_LIBRARY", "CUDA driver is a stub library"},
    {46, "CUDA_ERROR_DEVICE_UNAVAILABLE", "CUDA-capable device(s) is/are busy or unavailable"},
    {NO_DEVICE, "CUDA_ERROR_NO_DEVICE", "no CUDA-capable device is detected"},
    {INVALID_DEVICE, "CUDA_ERROR_INVALID_DEVICE", "invalid device ordinal"},
    {304, "CUDA_ERROR_OPERATING_SYSTEM", "OS call failed or operation not supported on this OS"},
    {802, "CUDA_ERROR_SYSTEM_NOT_READY", "system not yet initialized"},
    {803, "CUDA_ERROR_SYSTEM_DRIVER_MISMATCH", "system has unsupported display driver / cuda driver combination"},
    {804, "CUDA_ERROR_COMPAT_NOT_SUPPORTED_ON_DEVICE", "forward compatibility was attempted on non supported HW"},
    {999, "CUDA_ERROR_UNKNOWN", "unknown error"},
};

static const struct error *error_of(int code)
{
    size_t i;
    for (i = 0; i < sizeof errors / sizeof *errors; i++)
        if (errors[i].code == code)
            return &errors[i];
    return NULL;
}

EXPORT int cuGetErrorName(int code, const char **name)
{
    const struct error *error = error_of(code);
    *name = error ? error->name : NULL;
    return error ? SUCCESS : INVALID_VALUE;
}

EXPORT int cuGetErrorString(int code, const char **text)
{
    const struct error *error = error_of(code);
    *text = error ? error->text : NULL;
    return error ? SUCCESS : INVALID_VALUE;
}
