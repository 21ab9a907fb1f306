// ProcessManager is who started a process and would stop it in an orderly way: a systemd unit or a container's engine.
//
// A plain value, read from the text of /proc/PID/cgroup, which is where systemd and the engines leave their names. Any
// thread.

#ifndef POSTERN_NET_PROCESS_MANAGER_H_
#define POSTERN_NET_PROCESS_MANAGER_H_

#include <string>
#include <string_view>

namespace postern {

struct ProcessManager {
  std::string unit;          // systemd's, "exim4.service"
  std::string container;     // its id, short, or its name
  std::string stop_command;  // empty: nobody manages it, a signal must do
};

// Sessions and other scopes of systemd are nobody's: to stop one would end all that a user does.
ProcessManager ParseCgroup(std::string_view cgroup_file);

}  // namespace postern

#endif  // POSTERN_NET_PROCESS_MANAGER_H_
