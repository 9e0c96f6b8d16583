"""What the CUDA runtime calls the error that a text tells.

Names, numbers and texts are those of `cudaGetErrorName` and `cudaGetErrorString`, asked of libcudart 10.2, 11.7, 12.8
and 13.0 (the same in all of them where they know the error); the enumeration is described in the CUDA Runtime API,
"Data types used by CUDA Runtime", cudaError. Errors that no call of torch can give are left out.
"""

from __future__ import annotations

import re

ERRORS = {
    1: ("InvalidValue", "invalid argument"),
    2: ("MemoryAllocation", "out of memory"),
    3: ("InitializationError", "initialization error"),
    4: ("CudartUnloading", "driver shutting down"),
    9: ("InvalidConfiguration", "invalid configuration argument"),
    34: ("StubLibrary", "CUDA driver is a stub library"),
    35: ("InsufficientDriver", "CUDA driver version is insufficient for CUDA runtime version"),
    36: ("CallRequiresNewerDriver", "API call is not supported in the installed CUDA driver"),
    46: ("DevicesUnavailable", "CUDA-capable device(s) is/are busy or unavailable"),
    49: ("IncompatibleDriverContext", "incompatible driver context"),
    52: ("MissingConfiguration", "__global__ function call is not configured"),
    65: ("LaunchMaxDepthExceeded", "launch would exceed maximum depth of nested launches"),
    68: (
        "SyncDepthExceeded",
        "cudaDeviceSynchronize failed because caller's grid depth exceeds cudaLimitDevRuntimeSyncDepth",
    ),
    69: (
        "LaunchPendingCountExceeded",
        "launch failed because launch would exceed cudaLimitDevRuntimePendingLaunchCount",
    ),
    98: ("InvalidDeviceFunction", "invalid device function"),
    100: ("NoDevice", "no CUDA-capable device is detected"),
    101: ("InvalidDevice", "invalid device ordinal"),
    102: ("DeviceNotLicensed", "device doesn't have valid Grid license"),
    103: ("SoftwareValidityNotEstablished", "integrity checks failed"),
    200: ("InvalidKernelImage", "device kernel image is invalid"),
    201: ("DeviceUninitialized", "invalid device context"),
    208: ("AlreadyMapped", "resource already mapped"),
    209: ("NoKernelImageForDevice", "no kernel image is available for execution on the device"),
    210: ("AlreadyAcquired", "resource already acquired"),
    214: ("ECCUncorrectable", "uncorrectable ECC error encountered"),
    215: ("UnsupportedLimit", "limit is not supported on this architecture"),
    216: ("DeviceAlreadyInUse", "exclusive-thread device already in use by a different thread"),
    217: ("PeerAccessUnsupported", "peer access is not supported between these two devices"),
    218: ("InvalidPtx", "a PTX JIT compilation failed"),
    220: ("NvlinkUncorrectable", "uncorrectable NVLink error detected during the execution"),
    221: ("JitCompilerNotFound", "PTX JIT compiler library not found"),
    222: ("UnsupportedPtxVersion", "the provided PTX was compiled with an unsupported toolchain."),
    223: ("JitCompilationDisabled", "PTX JIT compilation was disabled"),
    224: ("UnsupportedExecAffinity", "the provided execution affinity is not supported"),
    225: ("UnsupportedDevSideSync", "the provided PTX contains unsupported call to cudaDeviceSynchronize"),
    226: ("Contained", "Invalid access of peer GPU memory over nvlink or a hardware error"),
    301: ("FileNotFound", "file not found"),
    302: ("SharedObjectSymbolNotFound", "shared object symbol not found"),
    303: ("SharedObjectInitFailed", "shared object initialization failed"),
    304: ("OperatingSystem", "OS call failed or operation not supported on this OS"),
    400: ("InvalidResourceHandle", "invalid resource handle"),
    401: ("IllegalState", "the operation cannot be performed in the present state"),
    500: ("SymbolNotFound", "named symbol not found"),
    600: ("NotReady", "device not ready"),
    700: ("IllegalAddress", "an illegal memory access was encountered"),
    701: ("LaunchOutOfResources", "too many resources requested for launch"),
    702: ("LaunchTimeout", "the launch timed out and was terminated"),
    704: ("PeerAccessAlreadyEnabled", "peer access is already enabled"),
    705: ("PeerAccessNotEnabled", "peer access has not been enabled"),
    708: ("SetOnActiveProcess", "cannot set while device is active in this process"),
    709: ("ContextIsDestroyed", "context is destroyed"),
    710: ("Assert", "device-side assert triggered"),
    711: ("TooManyPeers", "peer mapping resources exhausted"),
    712: ("HostMemoryAlreadyRegistered", "part or all of the requested memory range is already mapped"),
    713: ("HostMemoryNotRegistered", "pointer does not correspond to a registered memory region"),
    714: ("HardwareStackError", "hardware stack error"),
    715: ("IllegalInstruction", "an illegal instruction was encountered"),
    716: ("MisalignedAddress", "misaligned address"),
    717: ("InvalidAddressSpace", "operation not supported on global/shared address space"),
    718: ("InvalidPc", "invalid program counter"),
    719: ("LaunchFailure", "unspecified launch failure"),
    720: ("CooperativeLaunchTooLarge", "too many blocks in cooperative launch"),
    721: ("TensorMemoryLeak", "tensor memory not completely freed"),
    800: ("NotPermitted", "operation not permitted"),
    801: ("NotSupported", "operation not supported"),
    802: ("SystemNotReady", "system not yet initialized"),
    803: ("SystemDriverMismatch", "system has unsupported display driver / cuda driver combination"),
    804: ("CompatNotSupportedOnDevice", "forward compatibility was attempted on non supported HW"),
    805: ("MpsConnectionFailed", "MPS client failed to connect to the MPS control daemon or the MPS server"),
    806: ("MpsRpcFailure", "the remote procedural call between the MPS server and the MPS client failed"),
    807: ("MpsServerNotReady", "MPS server is not ready to accept new MPS client requests"),
    808: ("MpsMaxClientsReached", "the hardware resources required to create MPS client have been exhausted"),
    809: (
        "MpsMaxConnectionsReached",
        "the hardware resources required to support device connections have been exhausted",
    ),
    810: ("MpsClientTerminated", "the MPS client has been terminated by the server"),
    811: (
        "CdpNotSupported",
        "is using CUDA Dynamic Parallelism, but the current configuration, like MPS, does not support it",
    ),
    812: ("CdpVersionMismatch", "unsupported interaction between different versions of CUDA Dynamic Parallelism"),
    900: ("StreamCaptureUnsupported", "operation not permitted when stream is capturing"),
    901: ("StreamCaptureInvalidated", "operation failed due to a previous error during capture"),
    902: ("StreamCaptureMerge", "operation would result in a merge of separate capture sequences"),
    903: ("StreamCaptureUnmatched", "capture was not ended in the same stream as it began"),
    904: ("StreamCaptureUnjoined", "capturing stream has unjoined work"),
    905: ("StreamCaptureIsolation", "dependency created on uncaptured work in another stream"),
    906: ("StreamCaptureImplicit", "operation would make the legacy stream depend on a capturing blocking stream"),
    907: ("CapturedEvent", "operation not permitted on an event last recorded in a capturing stream"),
    908: ("StreamCaptureWrongThread", "attempt to terminate a thread-local capture sequence from another thread"),
    909: ("Timeout", "wait operation timed out"),
    999: ("Unknown", "unknown error"),
}
"""By number: the name without its beginning, `cudaError`, and the text."""

OLD_TEXTS = {"all CUDA-capable devices are busy or unavailable": "DevicesUnavailable"}
"""What CUDA 10.2 said otherwise."""

BY_TEXT = {text: name for name, text in ERRORS.values()} | OLD_TEXTS
NAMES = frozenset(BY_TEXT.values())

NAMED = re.compile(r"\bcudaError([A-Z]\w{1,60})\b")
TOLD = re.compile(
    r"\b(?:CUDA (?:driver )?error:|Cuda failure(?: \d{1,3})?|Error \d{1,3}:) '?("
    + "|".join(re.escape(text) for text in sorted(BY_TEXT, key=len, reverse=True))
    + ")"
)


def error_name(text: str, code: int | None = None) -> str | None:
    """Return the name (`cudaErrorNoKernelImageForDevice`) of the error that torch or NCCL tells, None where it is none.

    `code` is what `torch.AcceleratorError` carries (torch 2.9). Else it is the name itself that the text says, or one
    of the texts where they stand: after "CUDA error:", "Error 802:" of `cudaGetDeviceCount`, "Cuda failure" of NCCL.
    """
    if "HIP error" in text:
        return None
    if code in ERRORS:
        return f"cudaError{ERRORS[code][0]}"
    named = next((name for name in NAMED.findall(text) if name in NAMES), None)
    told = TOLD.search(text)
    name = named or (BY_TEXT[told[1]] if told else None)
    return f"cudaError{name}" if name else None
