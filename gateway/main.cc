// The command line: which command, with which configuration. Everything else is in the command's own file.

#include <cstdio>
#include <functional>
#include <iterator>
#include <string>
#include <string_view>
#include <vector>

#include "CLI/CLI.hpp"
#include "absl/strings/str_cat.h"
#include "gateway/command_check.h"
#include "gateway/command_doctor.h"
#include "gateway/command_fsck.h"
#include "gateway/command_probe.h"
#include "gateway/command_queue.h"
#include "gateway/command_route.h"
#include "gateway/command_serve.h"
#include "gateway/command_service.h"
#include "gateway/config.h"
#include "gateway/exit_code.h"
#include "gateway/version.h"
#include "net/program.h"

namespace postern {
namespace {

constexpr std::string_view kExamples = R"(
Examples:
  postern serve                                    127.0.0.1:2525, everything under ./var
  postern check --config /etc/postern.toml         every mistake, with its line
  postern serve --config /etc/postern.toml
  postern queue list --config /etc/postern.toml
  postern route kim@example.org --config /etc/postern.toml
  postern doctor 0.0.0.0:25                        who has the port?
  postern probe mail.example.org                   who answers there?

Exit codes are those of sysexits.h: 64 for the command line, 78 for the configuration, 69 when a port is held by
another program or nobody answers.)";

void PrintError(std::string_view text) { std::fwrite(text.data(), 1, text.size(), stderr); }

// kExitOk, or why there is no configuration. Without a file the defaults serve.
int ReadConfig(const std::string& file, Config& config) {
  if (file.empty()) {
    config = DefaultConfig();
    return kExitOk;
  }
  const std::vector<ConfigError> errors = LoadConfig(file, config);
  for (const ConfigError& error : errors) PrintError(absl::StrCat(error.ToString(), "\n"));
  if (errors.empty()) return kExitOk;
  return errors.front().line == 0 ? kExitNoInput : kExitConfig;
}

int PrintVersion() {
#ifdef NDEBUG
  constexpr std::string_view kKind = "optimised";
#else
  constexpr std::string_view kKind = "for debugging";
#endif
  const std::string text = absl::StrCat("Postern ", kVersion, "\nBuilt ", kKind, ", C++", __cplusplus / 100 % 100,
                                        ", compiler ", __VERSION__, "\n");
  std::fwrite(text.data(), 1, text.size(), stdout);
  return kExitOk;
}

// The commands and their arguments. Parsing chooses `run`; nothing happens before all of the line was understood.
class CommandLine {
 public:
  CommandLine() {
    app_.footer(std::string(kExamples));
    app_.require_subcommand(1);
    app_.allow_windows_style_options(false);  // one command line for all systems: /var/mail is a path

    Command(app_, "serve", "Take mail in, store it, hand it on, until TERM or INT",
            [](const Config& config) { return RunServe(config); });

    CLI::App& check = Command(app_, "check", "Say whether a configuration is right, and name every mistake", RunCheck);
    check.get_option("--config")->required();

    CLI::App& doctor =
        Command(app_, "doctor", "Say who holds a listening address, what to do, and what the store lies on",
                [this](const Config& config) { return RunDoctor(config, target_); });
    doctor.add_option("ADDRESS", target_, "ADDR:PORT alone; without it, all of the configuration");

    CLI::App& probe =
        Command(app_, "probe", "Talk to a mail server and say who answers, and whether it is this gateway",
                [this](const Config& config) { return RunProbe(config, target_); });
    probe.add_option("HOST", target_, "HOST or HOST:PORT")->required();

    CLI::App& route = Command(app_, "route", "Say which route an address takes, and where its mail would go now",
                              [this](const Config& config) { return RunRoute(config, route_); });
    route.add_option("ADDRESS", route_.addresses, "As kim@example.org; several are told one by one")->required();
    route.add_flag("--json", route_.json, "For programs");

    AddQueue();
    AddService();

    CLI::App& fsck = Command(app_, "fsck", "Say what is damaged in the store of a gateway that does not run",
                             [this](const Config& config) { return RunFsck(config, fsck_); });
    fsck.add_flag("--repair", fsck_.repair, "Set damaged pieces aside, so that the next start finds none");
    fsck.add_flag("--json", fsck_.json, "For programs");

    app_.add_subcommand("version", "Say which Postern this is")->callback([this] { run_ = PrintVersion; });
  }

  // `arguments`: the program's own name first.
  int Run(const std::vector<std::string>& arguments) {
    try {
      // The library takes them in reverse.
      app_.parse(std::vector<std::string>(arguments.rbegin(), std::prev(arguments.rend())));
    } catch (const CLI::ParseError& error) {
      // Help is asked for by an "error" too.
      return app_.exit(error) == 0 ? kExitOk : kExitUsage;
    }
    return run_();
  }

 private:
  using RunCommand = std::function<int(const Config&)>;

  // A command that takes a configuration.
  CLI::App& Command(CLI::App& parent, const std::string& name, const std::string& about, RunCommand run) {
    return FileCommand(parent, name, about, [this, run = std::move(run)] {
      Config config;
      const int code = ReadConfig(file_, config);
      return code == kExitOk ? run(config) : code;
    });
  }

  // One that reads it itself.
  CLI::App& FileCommand(CLI::App& parent, const std::string& name, const std::string& about, std::function<int()> run) {
    CLI::App& command = *parent.add_subcommand(name, about);
    command.add_option("--config", file_, "The configuration; without it, the defaults serve")->type_name("FILE");
    command.callback([this, run = std::move(run)] { run_ = run; });
    return command;
  }

  void AddQueue() {
    CLI::App& queue = *app_.add_subcommand("queue", "See what waits; have it tried again, held, deleted, returned");
    queue.require_subcommand(1);
    queue.footer(
        "\nAsks the running gateway of the configuration, or opens its store when none runs.\n\n"
        "Examples:\n"
        "  postern queue list                              what waits for whom\n"
        "  postern queue list far.example                  the messages that wait for it\n"
        "  postern queue list --messages --json | jq '.messages[].id'\n"
        "  postern queue show 0D5CP6GH3JR00\n"
        "  postern queue retry far.example\n"
        "  postern queue bounce 0D5CP6GH3JR00 0D5CP6GH3JR10\n"
        "  postern queue export 0D5CP6GH3JR00 --output message.eml");

    CLI::App& list = QueueLeaf(queue, "list", "What waits, by destination", QueueVerb::kList);
    list.add_option("DEST", queue_.targets, "The messages that wait for this destination")->expected(0, 1);
    list.add_flag("--messages", queue_.messages, "All messages, with the state of each recipient");
    CLI::App& show = QueueLeaf(queue, "show", "One message, with the last reply for each recipient", QueueVerb::kShow);
    show.add_option("ID", queue_.targets, "As `queue list --messages` shows it")->required()->expected(1);
    CLI::App& send_out = QueueLeaf(queue, "export", "One message as it is stored, an .eml file", QueueVerb::kExport);
    send_out.add_option("ID", queue_.targets, "As `queue list --messages` shows it")->required()->expected(1);
    send_out.add_option("--output", queue_.output, "Where to; without it, standard output")->type_name("FILE");

    QueueAct(queue, "retry", "Try at once, although the time for it has not come", QueueAction::kRetry);
    QueueAct(queue, "hold", "Try no more until it is released", QueueAction::kHold);
    QueueAct(queue, "release", "Try what is held, at once", QueueAction::kRelease);
    QueueAct(queue, "delete", "Delete for all recipients; nobody is told", QueueAction::kDelete);
    QueueAct(queue, "bounce", "Give up; the sender gets a report", QueueAction::kBounce);
  }

  void AddService() {
    CLI::App& service = *app_.add_subcommand("service", "Live as a Windows service");
    service.require_subcommand(1);
    service.footer(
        "\nExamples:\n"
        "  postern service install --config C:/Postern/postern.toml\n"
        "  postern service start");
    CLI::App& install =
        ServiceLeaf(service, "install", "Have the system start it with the machine", ServiceVerb::kInstall);
    install.get_option("--config")->required();
    install.add_option("--account", service_.account, "Whose rights it has; without it, those of NT SERVICE\\NAME");
    ServiceLeaf(service, "remove", "Stop it and have the system forget it; its mail stays", ServiceVerb::kRemove);
    ServiceLeaf(service, "start", "Start it now", ServiceVerb::kStart);
    ServiceLeaf(service, "stop", "Stop it in an orderly way", ServiceVerb::kStop);
    CLI::App& run = FileCommand(service, "run", "What the system itself calls",
                                [this] { return RunAsService(file_, service_.name); });
    run.get_option("--config")->required();
    AddServiceName(run);
  }

  CLI::App& ServiceLeaf(CLI::App& service, const std::string& name, const std::string& about, ServiceVerb verb) {
    CLI::App& command = Command(service, name, about, [this, verb](const Config& config) {
      service_.verb = verb;
      return RunService(config, service_);
    });
    AddServiceName(command);
    return command;
  }

  void AddServiceName(CLI::App& command) {
    command.add_option("--name", service_.name, "Of the service, when a machine has several")->capture_default_str();
  }

  CLI::App& QueueLeaf(CLI::App& queue, const std::string& name, const std::string& about, QueueVerb verb) {
    CLI::App& command = Command(queue, name, about, [this, verb](const Config& config) {
      queue_.verb = verb;
      return RunQueue(config, queue_);
    });
    if (verb != QueueVerb::kExport) command.add_flag("--json", queue_.json, "For programs");
    return command;
  }

  void QueueAct(CLI::App& queue, const std::string& name, const std::string& about, QueueAction action) {
    CLI::App& command = QueueLeaf(queue, name, about, QueueVerb::kAct);
    CLI::App& which = *command.add_option_group("Which");
    which.add_option("TARGET", queue_.targets, "Ids of messages, or names of destinations as `queue list` shows them");
    which.add_flag("--all", queue_.all, "All of the queue");
    which.require_option(1);
    command.parse_complete_callback([this, action] { queue_.action = action; });
  }

  CLI::App app_{"Postern, an SMTP gateway that owns its port and loses no mail.", "postern"};
  std::string file_;
  std::string target_;
  RouteCommand route_;
  QueueCommand queue_;
  ServiceCommand service_;
  FsckCommand fsck_;
  std::function<int()> run_;
};

}  // namespace
}  // namespace postern

int main(int argc, char** argv) { return postern::CommandLine().Run(postern::StartProgram(argc, argv)); }
