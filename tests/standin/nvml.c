/* A stand-in for libnvidia-ml.so.1: answers for a described machine, so that the real nvidia-ml-py can be run
 * where there is no driver. Signatures: NVML API reference, docs.nvidia.com/deploy/nvml-api.
 *
 * Variables read here, besides those of scenario.h:
 *
 *   STANDIN_NVML_INIT   error code that initialisation answers with: 9 driver not loaded, 18 driver/library
 *                       version mismatch, 999 unknown. Default 0.
 *   STANDIN_NVML_HANG   "init", "driver" (the driver version), "device" (the first question about a GPU), or
 *                       the name of a function: this call never returns.
 *   STANDIN_STATE       what every GPU answers about its state, "ecc=1,ecc-errors=3,persistence=1,
 *                       compute-mode=3,throttle=68,virtualization=2,mig-pending=0,free=1024,processes=1,
 *                       utilization=97,clock=1410,temperature=61,power=398,limit=400,default-limit=400" (free in
 *                       MiB, clock in MHz, power in W); what is not named is as on an idle GPU that nobody
 *                       configured. ECC and its errors are not supported where MIG is not, unless named; nor is
 *                       the utilization where MIG is on. `pid=4711` is that of the first process, the others
 *                       follow it.
 *
 * Built with -DSTANDIN_OLD it lacks the functions that a driver of branch 375 lacks: nvmlInitWithFlags,
 * nvmlSystemGetCudaDriverVersion, nvmlDeviceGetPciInfo_v3, nvmlDeviceGetMemoryInfo_v2,
 * nvmlDeviceGetCurrentClocksEventReasons, nvmlDeviceGetVirtualizationMode,
 * nvmlDeviceGetComputeRunningProcesses_v3 and all of MIG.
 *
 * Not modelled: GPU instance and compute instance numbers, permissions, events, anything that changes state.
 */
#include "scenario.h"

enum {
    SUCCESS = 0,
    UNINITIALIZED = 1,
    INVALID_ARGUMENT = 2,
    NOT_SUPPORTED = 3,
    NOT_FOUND = 6,
    INSUFFICIENT_SIZE = 7,
    DRIVER_NOT_LOADED = 9,
    LIBRARY_NOT_FOUND = 12,
    FUNCTION_NOT_FOUND = 13,
    GPU_IS_LOST = 15,
    LIB_RM_VERSION_MISMATCH = 18,
    UNKNOWN = 999
};

struct device { /* what a handle points to; `instance` is -1 for the GPU itself */
    const struct gpu *gpu;
    int instance;
};

struct memory {
    unsigned long long total, free, used;
};

struct memory_v2 {
    unsigned version;
    unsigned long long total, reserved, free, used;
};

struct pci {
    char legacy_bus_id[16];
    unsigned domain, bus, device, device_id, subsystem_id;
    char bus_id[32];
};

struct process {
    unsigned pid;
    unsigned long long used_memory;
    unsigned gpu_instance, compute_instance;
};

struct utilization {
    unsigned gpu, memory;
};

static int initialised;

#define ENTER(stage)                                                            \
    do {                                                                        \
        int refused_ = enter("nvml", "STANDIN_NVML_HANG", stage, __func__);     \
        if (refused_)                                                           \
            return refused_;                                                    \
    } while (0)

#define ENTER_INITIALISED(stage)     \
    do {                             \
        ENTER(stage);                \
        if (!initialised)            \
            return UNINITIALIZED;    \
    } while (0)

static int answer(char *buffer, unsigned size, const char *text)
{
    if (!buffer)
        return INVALID_ARGUMENT;
    if (strlen(text) >= size)
        return INSUFFICIENT_SIZE;
    strcpy(buffer, text);
    return SUCCESS;
}

static int initialise(void)
{
    int code = atoi(setting("STANDIN_NVML_INIT", "0"));
    if (code == SUCCESS)
        initialised++;
    return code;
}

EXPORT int nvmlInit_v2(void)
{
    ENTER("init");
    return initialise();
}

EXPORT int nvmlInit(void)
{
    ENTER("init");
    return initialise();
}

#ifndef STANDIN_OLD
EXPORT int nvmlInitWithFlags(unsigned flags)
{
    (void)flags;
    ENTER("init");
    return initialise();
}
#endif

EXPORT int nvmlShutdown(void)
{
    ENTER_INITIALISED("shutdown");
    initialised--;
    return SUCCESS;
}

EXPORT const char *nvmlErrorString(int code)
{
    switch (code) {
    case SUCCESS: return "The operation was successful";
    case UNINITIALIZED: return "Uninitialized";
    case INVALID_ARGUMENT: return "Invalid Argument";
    case NOT_SUPPORTED: return "Not Supported";
    case NOT_FOUND: return "Not Found";
    case INSUFFICIENT_SIZE: return "Insufficient Size";
    case DRIVER_NOT_LOADED: return "Driver Not Loaded";
    case LIBRARY_NOT_FOUND: return "NVML Shared Library Not Found";
    case FUNCTION_NOT_FOUND: return "Function Not Found";
    case GPU_IS_LOST: return "GPU is lost";
    case LIB_RM_VERSION_MISMATCH: return "Driver/library version mismatch";
    default: return "Unknown Error";
    }
}

/* The CUDA major stands before the driver version: "12.535.104.05" on driver 535.104.05. */
EXPORT int nvmlSystemGetNVMLVersion(char *version, unsigned size)
{
    char text[2 * TEXT];
    ENTER("library");
    snprintf(text, sizeof text, "%d.%s", machine()->cuda / 1000, machine()->driver);
    return answer(version, size, text);
}

EXPORT int nvmlSystemGetDriverVersion(char *version, unsigned size)
{
    ENTER_INITIALISED("driver");
    return answer(version, size, machine()->driver);
}

#ifndef STANDIN_OLD
EXPORT int nvmlSystemGetCudaDriverVersion(int *version)
{
    ENTER("cuda");
    if (!version)
        return INVALID_ARGUMENT;
    *version = machine()->cuda;
    return SUCCESS;
}

/* Unlike the first form this one asks the libcuda.so.1 that would be loaded. */
EXPORT int nvmlSystemGetCudaDriverVersion_v2(int *version)
{
    ENTER("cuda");
    if (!version)
        return INVALID_ARGUMENT;
    *version = machine()->libcuda;
    return SUCCESS;
}
#endif

static int count(unsigned *result)
{
    if (!result)
        return INVALID_ARGUMENT;
    *result = (unsigned)machine()->gpu_count;
    return SUCCESS;
}

EXPORT int nvmlDeviceGetCount(unsigned *result)
{
    ENTER_INITIALISED("count");
    return count(result);
}

EXPORT int nvmlDeviceGetCount_v2(unsigned *result)
{
    ENTER_INITIALISED("count");
    return count(result);
}

static struct device *device_of(int index, int instance)
{
    static struct device devices[MOST_GPUS][MOST_MIG + 1];
    struct device *device = &devices[index][instance + 1];
    device->gpu = &machine()->gpus[index];
    device->instance = instance;
    return device;
}

static int handle(unsigned index, struct device **device)
{
    if (!device || index >= (unsigned)machine()->gpu_count)
        return INVALID_ARGUMENT;
    if (machine()->gpus[index].lost)
        return machine()->gpus[index].lost;
    *device = device_of((int)index, -1);
    return SUCCESS;
}

EXPORT int nvmlDeviceGetHandleByIndex(unsigned index, struct device **device)
{
    ENTER_INITIALISED("device");
    return handle(index, device);
}

EXPORT int nvmlDeviceGetHandleByIndex_v2(unsigned index, struct device **device)
{
    ENTER_INITIALISED("device");
    return handle(index, device);
}

EXPORT int nvmlDeviceGetHandleByUUID(const char *uuid, struct device **device)
{
    int index;
    ENTER_INITIALISED("device");
    for (index = 0; uuid && index < machine()->gpu_count; index++)
        if (strcmp(machine()->gpus[index].uuid, uuid) == 0)
            return handle((unsigned)index, device);
    return NOT_FOUND;
}

EXPORT int nvmlDeviceGetIndex(const struct device *device, unsigned *index)
{
    ENTER_INITIALISED("index");
    if (!device || !index)
        return INVALID_ARGUMENT;
    *index = (unsigned)device->gpu->index;
    return SUCCESS;
}

EXPORT int nvmlDeviceGetName(const struct device *device, char *name, unsigned size)
{
    char text[TEXT + 8];
    ENTER_INITIALISED("name");
    if (!device)
        return INVALID_ARGUMENT;
    snprintf(text, sizeof text, "%s%s", device->gpu->name, device->instance < 0 ? "" : " MIG");
    return answer(name, size, text);
}

EXPORT int nvmlDeviceGetUUID(const struct device *device, char *uuid, unsigned size)
{
    ENTER_INITIALISED("uuid");
    if (!device)
        return INVALID_ARGUMENT;
    return answer(uuid, size, device->instance < 0 ? device->gpu->uuid : device->gpu->mig_uuid[device->instance]);
}

EXPORT int nvmlDeviceGetCudaComputeCapability(const struct device *device, int *major, int *minor)
{
    ENTER_INITIALISED("capability");
    if (!device || !major || !minor)
        return INVALID_ARGUMENT;
    *major = device->gpu->major;
    *minor = device->gpu->minor;
    return SUCCESS;
}

/* The value of a word of STANDIN_STATE. */
static long long state(const char *word, long long otherwise)
{
    char text[2 * TEXT], *rest = text, *entry, *equals;
    snprintf(text, sizeof text, "%s", setting("STANDIN_STATE", ""));
    while ((entry = field(&rest, ',')))
        if ((equals = strchr(entry, '=')) && (*equals = '\0', strcmp(entry, word) == 0))
            return strtoll(equals + 1, NULL, 0);
    return otherwise;
}

static unsigned long long free_bytes(const struct gpu *gpu)
{
    long long mebibytes = state("free", -1);
    return mebibytes < 0 ? gpu->bytes : (unsigned long long)mebibytes << 20;
}

EXPORT int nvmlDeviceGetMemoryInfo(const struct device *device, struct memory *memory)
{
    ENTER_INITIALISED("memory");
    if (!device || !memory)
        return INVALID_ARGUMENT;
    memory->total = device->gpu->bytes;
    memory->free = free_bytes(device->gpu);
    memory->used = memory->total - memory->free;
    return SUCCESS;
}

#ifndef STANDIN_OLD
EXPORT int nvmlDeviceGetMemoryInfo_v2(const struct device *device, struct memory_v2 *memory)
{
    ENTER_INITIALISED("memory");
    if (!device || !memory)
        return INVALID_ARGUMENT;
    if (memory->version != (sizeof *memory | 2u << 24))
        return 25; /* NVML_ERROR_ARGUMENT_VERSION_MISMATCH */
    memory->total = device->gpu->bytes;
    memory->free = free_bytes(device->gpu);
    memory->used = memory->total - memory->free;
    memory->reserved = 0;
    return SUCCESS;
}
#endif

static int pci_info(const struct device *device, struct pci *pci)
{
    if (!device || !pci)
        return INVALID_ARGUMENT;
    memset(pci, 0, sizeof *pci);
    pci->bus = (unsigned)device->gpu->index + 1;
    pci->device_id = 0x20B210DE; /* A100 80 GB; nothing of ours reads it from NVML */
    snprintf(pci->legacy_bus_id, sizeof pci->legacy_bus_id, "0000:%02X:00.0", pci->bus & 0xff);
    snprintf(pci->bus_id, sizeof pci->bus_id, "00000000:%02X:00.0", pci->bus & 0xff);
    return SUCCESS;
}

EXPORT int nvmlDeviceGetPciInfo_v2(const struct device *device, struct pci *pci)
{
    ENTER_INITIALISED("pci");
    return pci_info(device, pci);
}

/* Data-centre parts from Ampere on can be partitioned (NVIDIA MIG user guide, "Supported GPUs"). */
static int can_be_partitioned(const struct gpu *gpu)
{
    return gpu->mig || (gpu->major >= 8 && gpu->major <= 10 && gpu->minor == 0);
}

static int ecc(const struct gpu *gpu, const char *word, long long *value)
{
    *value = state(word, can_be_partitioned(gpu) ? strcmp(word, "ecc") == 0 : -1);
    return *value < 0 ? NOT_SUPPORTED : SUCCESS;
}

EXPORT int nvmlDeviceGetEccMode(const struct device *device, int *current, int *pending)
{
    long long value;
    ENTER_INITIALISED("ecc");
    if (!device || !current || !pending)
        return INVALID_ARGUMENT;
    if (ecc(device->gpu, "ecc", &value))
        return NOT_SUPPORTED;
    *current = *pending = (int)value;
    return SUCCESS;
}

EXPORT int nvmlDeviceGetTotalEccErrors(const struct device *device, int type, int counter, unsigned long long *count)
{
    long long value;
    ENTER_INITIALISED("ecc");
    if (!device || !count || type < 0 || type > 1 || counter < 0 || counter > 1)
        return INVALID_ARGUMENT;
    if (ecc(device->gpu, "ecc-errors", &value))
        return NOT_SUPPORTED;
    *count = type == 1 && counter == 0 ? (unsigned long long)value : 0; /* uncorrected, volatile */
    return SUCCESS;
}

EXPORT int nvmlDeviceGetPersistenceMode(const struct device *device, int *mode)
{
    ENTER_INITIALISED("persistence");
    if (!device || !mode)
        return INVALID_ARGUMENT;
    *mode = (int)state("persistence", 0);
    return SUCCESS;
}

EXPORT int nvmlDeviceGetComputeMode(const struct device *device, int *mode)
{
    ENTER_INITIALISED("compute");
    if (!device || !mode)
        return INVALID_ARGUMENT;
    *mode = (int)state("compute-mode", 0);
    return SUCCESS;
}

/* A number that a word of STANDIN_STATE tells, times `unit`. */
static int number(const struct device *device, unsigned *value, const char *word, long long otherwise, unsigned unit)
{
    if (!device || !value)
        return INVALID_ARGUMENT;
    *value = (unsigned)state(word, otherwise) * unit;
    return SUCCESS;
}

EXPORT int nvmlDeviceGetClockInfo(const struct device *device, int type, unsigned *megahertz)
{
    ENTER_INITIALISED("clock");
    if (type < 0 || type > 3)
        return INVALID_ARGUMENT;
    return number(device, megahertz, "clock", 210, 1);
}

EXPORT int nvmlDeviceGetTemperature(const struct device *device, int sensor, unsigned *celsius)
{
    ENTER_INITIALISED("temperature");
    if (sensor != 0)
        return INVALID_ARGUMENT;
    return number(device, celsius, "temperature", 30, 1);
}

EXPORT int nvmlDeviceGetPowerUsage(const struct device *device, unsigned *milliwatts)
{
    ENTER_INITIALISED("power");
    return number(device, milliwatts, "power", 60, 1000);
}

EXPORT int nvmlDeviceGetEnforcedPowerLimit(const struct device *device, unsigned *milliwatts)
{
    ENTER_INITIALISED("power");
    return number(device, milliwatts, "limit", 400, 1000);
}

EXPORT int nvmlDeviceGetPowerManagementDefaultLimit(const struct device *device, unsigned *milliwatts)
{
    ENTER_INITIALISED("power");
    return number(device, milliwatts, "default-limit", 400, 1000);
}

EXPORT int nvmlDeviceGetUtilizationRates(const struct device *device, struct utilization *rates)
{
    ENTER_INITIALISED("utilization");
    if (!device || !rates)
        return INVALID_ARGUMENT;
    if (device->gpu->mig)
        return NOT_SUPPORTED; /* NVML API reference: "MIG mode is not supported" */
    rates->gpu = rates->memory = (unsigned)state("utilization", 0);
    return SUCCESS;
}

static int throttle(const struct device *device, unsigned long long *reasons)
{
    if (!device || !reasons)
        return INVALID_ARGUMENT;
    *reasons = (unsigned long long)state("throttle", 1);
    return SUCCESS;
}

EXPORT int nvmlDeviceGetCurrentClocksThrottleReasons(const struct device *device, unsigned long long *reasons)
{
    ENTER_INITIALISED("throttle");
    return throttle(device, reasons);
}

#ifndef STANDIN_OLD
EXPORT int nvmlDeviceGetCurrentClocksEventReasons(const struct device *device, unsigned long long *reasons)
{
    ENTER_INITIALISED("throttle");
    return throttle(device, reasons);
}

/* With too small a buffer it tells how many there are, as the binding asks first. */
EXPORT int nvmlDeviceGetComputeRunningProcesses_v3(const struct device *device, unsigned *count, struct process *found)
{
    unsigned here = (unsigned)state("processes", 0), room, index;
    ENTER_INITIALISED("processes");
    if (!device || !count)
        return INVALID_ARGUMENT;
    room = *count;
    *count = here;
    if (here > room)
        return INSUFFICIENT_SIZE;
    for (index = 0; index < here; index++) {
        found[index].pid = (unsigned)state("pid", 1000000) + index;
        found[index].used_memory = 512ull << 20;
        found[index].gpu_instance = found[index].compute_instance = 0xffffffffu;
    }
    return SUCCESS;
}

EXPORT int nvmlDeviceGetVirtualizationMode(const struct device *device, int *mode)
{
    ENTER_INITIALISED("virtualization");
    if (!device || !mode)
        return INVALID_ARGUMENT;
    *mode = (int)state("virtualization", 0);
    return SUCCESS;
}

EXPORT int nvmlDeviceGetPciInfo_v3(const struct device *device, struct pci *pci)
{
    ENTER_INITIALISED("pci");
    return pci_info(device, pci);
}

EXPORT int nvmlDeviceGetMigMode(const struct device *device, unsigned *current, unsigned *pending)
{
    ENTER_INITIALISED("mig");
    if (!device || !current || !pending)
        return INVALID_ARGUMENT;
    if (!can_be_partitioned(device->gpu))
        return NOT_SUPPORTED;
    *current = (unsigned)device->gpu->mig;
    *pending = (unsigned)state("mig-pending", device->gpu->mig);
    return SUCCESS;
}

EXPORT int nvmlDeviceGetMaxMigDeviceCount(const struct device *device, unsigned *result)
{
    ENTER_INITIALISED("mig");
    if (!device || !result)
        return INVALID_ARGUMENT;
    *result = can_be_partitioned(device->gpu) ? 7 : 0;
    return SUCCESS;
}

EXPORT int nvmlDeviceGetMigDeviceHandleByIndex(const struct device *device, unsigned index, struct device **instance)
{
    ENTER_INITIALISED("mig");
    if (!device || !instance)
        return INVALID_ARGUMENT;
    if (!can_be_partitioned(device->gpu))
        return NOT_SUPPORTED;
    if (index >= (unsigned)device->gpu->mig_count)
        return NOT_FOUND;
    *instance = device_of(device->gpu->index, (int)index);
    return SUCCESS;
}

EXPORT int nvmlDeviceIsMigDeviceHandle(const struct device *device, unsigned *result)
{
    ENTER_INITIALISED("mig");
    if (!device || !result)
        return INVALID_ARGUMENT;
    *result = device->instance >= 0;
    return SUCCESS;
}

EXPORT int nvmlDeviceGetDeviceHandleFromMigDeviceHandle(const struct device *instance, struct device **device)
{
    ENTER_INITIALISED("mig");
    if (!instance || !device || instance->instance < 0)
        return INVALID_ARGUMENT;
    *device = device_of(instance->gpu->index, -1);
    return SUCCESS;
}
#endif
