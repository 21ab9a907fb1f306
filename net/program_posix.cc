#include <unistd.h>

#include <climits>

#include "net/program.h"

namespace postern {

std::vector<std::string> StartProgram(int argc, char** argv) { return {argv, argv + argc}; }

std::string ProgramPath() {
  char path[PATH_MAX];
  const ssize_t size = readlink("/proc/self/exe", path, sizeof path);
  return size > 0 ? std::string(path, static_cast<size_t>(size)) : "postern";
}

std::string DefaultDataDir() { return "/var/lib/postern"; }

bool CanBecomeUser() { return true; }

}  // namespace postern
