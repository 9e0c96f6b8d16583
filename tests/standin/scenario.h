/* The described machine that both stand-in libraries answer for, read once from the environment.
 *
 * Variables read here, by nvml.c and by cuda.c alike:
 *
 *   STANDIN_DRIVER      driver version, text. Default "535.104.05".
 *   STANDIN_CUDA        CUDA driver API version as cuDriverGetVersion gives it (1000*major + 10*minor).
 *                       Default 12020, which is CUDA 12.2.
 *   STANDIN_LIBCUDA     the same for libcuda alone, where it is not the driver's own (the forward
 *                       compatibility package). Default: STANDIN_CUDA.
 *   STANDIN_GPUS        GPUs in PCI bus order, separated by ";", each "name|capability|MiB|uuid|mig". Fields
 *                       may be left off from the right; an empty uuid becomes one made from the index. "mig"
 *                       is empty (MIG mode off), "none" (MIG mode on, no instance) or a list of "MIG-..."
 *                       uuids separated by ",". Set to nothing: no GPU. Unset: one A100 80 GB.
 *   STANDIN_NAME_BYTES  the name of every GPU as hexadecimal digits: bytes that are no UTF-8, escape sequences.
 *   STANDIN_LOST        indexes of GPUs that fell off the bus, "0" or "0,3"; "0:999" gives another NVML code
 *                       than 15 (NVML_ERROR_GPU_IS_LOST). libcuda does not enumerate them.
 *   STANDIN_CRASH       "nvml" or "cuda": that library ends the process by SIGABRT when initialised. The name
 *                       of a function: when that is called.
 *   STANDIN_FAIL        "function=code,function=code": these functions answer with that error.
 *   STANDIN_NOISE       text that initialisation writes to stdout and stderr, as some driver builds do.
 *
 * A hang blocks every signal that can be blocked: only SIGKILL ends it, as with a thread inside the kernel.
 */
#ifndef STANDIN_SCENARIO_H
#define STANDIN_SCENARIO_H

#define _GNU_SOURCE
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <unistd.h>

#define EXPORT __attribute__((visibility("default")))
#define MOST_GPUS 64
#define MOST_MIG 8
#define TEXT 256

struct gpu {
    char name[TEXT];
    char uuid[TEXT];
    int index;
    int major, minor;
    unsigned long long bytes;
    int lost; /* NVML code, 0 where the GPU answers */
    int mig;  /* MIG mode on */
    int mig_count;
    char mig_uuid[MOST_MIG][TEXT];
};

struct scenario {
    char driver[TEXT];
    int cuda, libcuda;
    int gpu_count;
    struct gpu gpus[MOST_GPUS];
};

static const char *setting(const char *name, const char *otherwise)
{
    const char *value = getenv(name);
    return value ? value : otherwise;
}

/* Cut the text before the first separator off `*rest`; an empty field is a field. */
static char *field(char **rest, char separator)
{
    char *start = *rest, *end;
    if (!start)
        return NULL;
    end = strchr(start, separator);
    if (end)
        *end++ = '\0';
    *rest = end;
    return start;
}

static void copy(char *target, const char *text)
{
    snprintf(target, TEXT, "%s", text ? text : "");
}

static void read_name_bytes(char *name)
{
    const char *hex = getenv("STANDIN_NAME_BYTES");
    unsigned byte;
    size_t length = 0;
    if (!hex)
        return;
    while (length < TEXT - 1 && sscanf(hex, "%2x", &byte) == 1 && hex[0] && hex[1]) {
        name[length++] = (char)byte;
        hex += 2;
    }
    name[length] = '\0';
}

static void read_gpu(struct gpu *gpu, int index, char *text)
{
    char *uuid, *mig;
    const char *capability, *mebibytes;
    gpu->index = index;
    copy(gpu->name, field(&text, '|'));
    read_name_bytes(gpu->name);
    capability = field(&text, '|');
    if (!capability || sscanf(capability, "%d.%d", &gpu->major, &gpu->minor) != 2)
        gpu->major = 8, gpu->minor = 0;
    mebibytes = field(&text, '|');
    gpu->bytes = (mebibytes && *mebibytes ? strtoull(mebibytes, NULL, 10) : 81920ull) << 20;
    uuid = field(&text, '|');
    if (uuid && *uuid)
        copy(gpu->uuid, uuid);
    else
        snprintf(gpu->uuid, TEXT, "GPU-%08x-0000-4000-8000-%012x", 0xa0000000u + (unsigned)index, (unsigned)index);
    mig = field(&text, '|');
    gpu->mig = mig && *mig;
    if (gpu->mig && strcmp(mig, "none") != 0)
        while (mig && gpu->mig_count < MOST_MIG)
            copy(gpu->mig_uuid[gpu->mig_count++], field(&mig, ','));
}

static void read_lost(struct scenario *machine)
{
    char text[TEXT], *rest = text, *entry;
    int index, code;
    copy(text, getenv("STANDIN_LOST"));
    while (*text && (entry = field(&rest, ','))) {
        code = 15;
        if (sscanf(entry, "%d:%d", &index, &code) >= 1 && index >= 0 && index < machine->gpu_count)
            machine->gpus[index].lost = code;
    }
}

static const struct scenario *machine(void)
{
    static struct scenario read;
    static int done;
    char *gpus, *rest;
    if (done)
        return &read;
    copy(read.driver, setting("STANDIN_DRIVER", "535.104.05"));
    read.cuda = atoi(setting("STANDIN_CUDA", "12020"));
    read.libcuda = atoi(setting("STANDIN_LIBCUDA", setting("STANDIN_CUDA", "12020")));
    rest = gpus = strdup(setting("STANDIN_GPUS", "NVIDIA A100-SXM4-80GB|8.0|81920"));
    while (gpus && *gpus && rest && read.gpu_count < MOST_GPUS) {
        read_gpu(&read.gpus[read.gpu_count], read.gpu_count, field(&rest, ';'));
        read.gpu_count++;
    }
    free(gpus);
    read_lost(&read);
    done = 1;
    return &read;
}

static void hang(void)
{
    sigset_t all;
    sigfillset(&all);
    sigprocmask(SIG_BLOCK, &all, NULL);
    for (;;)
        pause();
}

static void crash(void)
{
    struct rlimit none = {0, 0};
    setrlimit(RLIMIT_CORE, &none); /* a core file would land in whatever folder the test runs in */
    abort();
}

static int is(const char *variable, const char *word)
{
    const char *value = getenv(variable);
    return value && strcmp(value, word) == 0;
}

static int refusal(const char *function)
{
    char text[4 * TEXT], *rest = text, *entry, *equals;
    snprintf(text, sizeof text, "%s", setting("STANDIN_FAIL", ""));
    while ((entry = field(&rest, ',')))
        if ((equals = strchr(entry, '=')) && (*equals = '\0', strcmp(entry, function) == 0))
            return atoi(equals + 1);
    return 0;
}

/* What every exported function does first. `stage` is the word STANDIN_*_HANG knows the function by. */
static int enter(const char *library, const char *hang_variable, const char *stage, const char *function)
{
    int first = strcmp(stage, "init") == 0;
    const char *noise = getenv("STANDIN_NOISE");
    if (first && noise) {
        (void)!write(STDOUT_FILENO, noise, strlen(noise));
        (void)!write(STDERR_FILENO, noise, strlen(noise));
    }
    if (is("STANDIN_CRASH", function) || (first && is("STANDIN_CRASH", library)))
        crash();
    if (is(hang_variable, function) || is(hang_variable, stage))
        hang();
    return refusal(function);
}

#endif
