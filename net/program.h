// What a program finds round it when it starts: its arguments and streams, and where its kind of system keeps things.
//
// Plain functions, called on the main thread.

#ifndef POSTERN_NET_PROGRAM_H_
#define POSTERN_NET_PROGRAM_H_

#include <string>
#include <vector>

namespace postern {

// The command line in UTF-8, the program's own name first. What goes to the standard streams from here on is taken
// as UTF-8 and not translated.
std::vector<std::string> StartProgram(int argc, char** argv);

std::string ProgramPath();     // whole, of the file that runs
std::string DefaultDataDir();  // for a gateway that is configured and names none

// Whether a process can become another user. If not, it keeps the account that it was started under.
bool CanBecomeUser();

}  // namespace postern

#endif  // POSTERN_NET_PROGRAM_H_
