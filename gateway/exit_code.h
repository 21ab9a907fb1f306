// ExitCode is how the program ends, as sysexits.h numbers it, so that a supervisor or a script can tell why.
//
// Plain numbers, returned by the commands to main() on the main thread. They belong to nobody.

#ifndef POSTERN_GATEWAY_EXIT_CODE_H_
#define POSTERN_GATEWAY_EXIT_CODE_H_

namespace postern {

inline constexpr int kExitOk = 0;
inline constexpr int kExitUsage = 64;         // the command line is wrong
inline constexpr int kExitDataError = 65;     // what was named does not make sense: no message of this id
inline constexpr int kExitNoInput = 66;       // a file that was named cannot be read
inline constexpr int kExitUnavailable = 69;   // the port is held by another, or nobody answers
inline constexpr int kExitOsError = 71;       // the system has refused something that it must give
inline constexpr int kExitCannotCreate = 73;  // the data directory, or something in it, cannot be made
inline constexpr int kExitIoError = 74;       // the disk has failed
inline constexpr int kExitTemporary = 75;     // busy: the same command may do later
inline constexpr int kExitNoPermission = 77;
inline constexpr int kExitConfig = 78;  // the configuration is wrong

}  // namespace postern

#endif  // POSTERN_GATEWAY_EXIT_CODE_H_
