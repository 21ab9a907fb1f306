#include "net/process_manager.h"

#include <string>

#include "gtest/gtest.h"

namespace postern {
namespace {

const std::string kId(64, 'a');
const std::string kShortId(12, 'a');

struct Case {
  const char* name;
  std::string cgroup;
  std::string unit;
  std::string container;
  std::string stop_command;
};

class ProcessManagerTest : public testing::TestWithParam<Case> {};

TEST_P(ProcessManagerTest, IsReadFromTheGroup) {
  const ProcessManager manager = ParseCgroup(GetParam().cgroup);
  EXPECT_EQ(manager.unit, GetParam().unit);
  EXPECT_EQ(manager.container, GetParam().container);
  EXPECT_EQ(manager.stop_command, GetParam().stop_command);
}

INSTANTIATE_TEST_SUITE_P(
    Groups, ProcessManagerTest,
    testing::Values(
        Case{"Service", "0::/system.slice/exim4.service\n", "exim4.service", "", "systemctl stop exim4.service"},
        Case{"Instance", "0::/system.slice/system-postfix.slice/postfix@-.service\n", "postfix@-.service", "",
             "systemctl stop postfix@-.service"},
        Case{"ServiceWithGroupsOfItsOwn", "0::/system.slice/mail.service/worker\n", "mail.service", "",
             "systemctl stop mail.service"},
        Case{"UserService", "0::/user.slice/user-1000.slice/user@1000.service/app.slice/sink.service\n", "sink.service",
             "", "systemctl --user stop sink.service"},
        Case{"Session", "0::/user.slice/user-0.slice/session-3.scope\n", "", "", ""},
        Case{"Desktop", "0::/user.slice/user-1000.slice/user@1000.service/app.slice/app-term-42.scope\n", "", "", ""},
        Case{"Init", "0::/init.scope\n", "", "", ""}, Case{"Nothing", "", "", "", ""},
        Case{"Root", "0::/\n", "", "", ""},
        Case{"Docker", "0::/system.slice/docker-" + kId + ".scope\n", "", kShortId, "docker stop " + kShortId},
        Case{"DockerWithoutSystemd", "0::/docker/" + kId + "\n", "", kShortId, "docker stop " + kShortId},
        Case{"DockerVersionOne",
             "12:pids:/docker/" + kId + "\n1:name=systemd:/docker/" + kId + "\n0::/system.slice/x.service\n", "",
             kShortId, "docker stop " + kShortId},
        Case{"Podman", "0::/machine.slice/libpod-" + kId + ".scope/container\n", "", kShortId,
             "podman stop " + kShortId},
        Case{"PodmanOfAUser",
             "0::/user.slice/user-1000.slice/user@1000.service/user.slice/libpod-" + kId + ".scope/container\n", "",
             kShortId, "podman stop " + kShortId},
        Case{"Kubernetes", "0::/kubepods.slice/kubepods-pod1.slice/cri-containerd-" + kId + ".scope\n", "", kShortId,
             "crictl stop " + kShortId},
        Case{"KubernetesVersionOne", "4:memory:/kubepods/besteffort/pod12/" + kId + "\n", "", kShortId,
             "crictl stop " + kShortId},
        Case{"Lxc", "0::/lxc.payload.mail/init.scope\n", "", "mail", "lxc-stop --name mail"},
        Case{"LxcVersionOne", "3:cpu:/lxc/mail\n", "", "mail", "lxc-stop --name mail"},
        Case{"Nspawn", "0::/machine.slice/machine-mail.scope/payload\n", "", "mail", "machinectl poweroff mail"},
        Case{"AnIdInNoEngine", "4:memory:/jobs/" + kId + "\n", "", "", ""}),
    [](const testing::TestParamInfo<Case>& info) { return info.param.name; });

}  // namespace
}  // namespace postern
