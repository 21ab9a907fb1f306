#include "bench/load/options.h"

#include <algorithm>
#include <utility>

#include "CLI/CLI.hpp"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_split.h"
#include "bench/load/help_text.h"
#include "bench/load/quantity.h"
#include "gateway/exit_code.h"

namespace postern {
namespace {

constexpr Duration kDurationDefault = std::chrono::seconds(10);
constexpr size_t kConnectionCountMax = 1'000'000;
constexpr size_t kSourceCountMax = (size_t{1} << 24) - 2;  // 127.0.0.1 to 127.255.255.254
constexpr size_t kThreadCountMax = 256;
constexpr double kRateMax = 1e7;
constexpr size_t kRecipientCountMax = 100'000;

// An option whose value is read by `parse`, which returns nothing for what it does not understand.
template <typename T>
CLI::Option* AddParsed(CLI::App& app, const std::string& name, const std::string& about, T& value,
                       std::optional<T> (*parse)(std::string_view), const std::string& wanted) {
  const auto read = [&value, parse, name, wanted](const std::string& text) {
    const std::optional<T> parsed = parse(text);
    if (!parsed) throw CLI::ValidationError(name, absl::StrCat("\"", text, "\" is not ", wanted));
    value = *parsed;
  };
  return app.add_option_function<std::string>(name, read, about);
}

CLI::Option* AddDuration(CLI::App& app, const std::string& name, const std::string& about, Duration& value) {
  return AddParsed<Duration>(app, name, about, value, ParseDuration, "a time, as 30, 30s, 500ms or 2m")
      ->type_name("TIME");
}

// What one option alone cannot tell; empty when all is well.
std::string Contradiction(const LoadOptions& options) {
  if (options.from.find_first_of("\r\n<>") != std::string::npos ||
      options.to.find_first_of("\r\n<>") != std::string::npos)
    return "--from and --to: an address, as kim@example.org, without angle brackets";
  if (options.to.find('@') == std::string::npos) return "--to: an address has an \"@\", as kim@example.org";
  if (options.thread_count > options.connection_count) return "--threads: each needs a connection at least";
  return "";
}

class OptionParser {
 public:
  OptionParser() {
    app_.footer(std::string(kHelpText));
    app_.add_option("TARGET", options_.target, "HOST:PORT, ADDRESS:PORT, [ADDRESS]:PORT or unix:PATH; port 25 if none")
        ->required();
    AddLoad();
    AddMessages();
    AddConversation();
    AddOutput();
  }

  std::variant<LoadOptions, int> Parse(int argc, const char* const* argv) {
    try {
      app_.parse(argc, argv);
      const std::string contradiction = Contradiction(options_);
      if (!contradiction.empty()) throw CLI::ValidationError(contradiction);
    } catch (const CLI::ParseError& error) {
      return app_.exit(error) == 0 ? kExitOk : kExitUsage;
    }
    if (mail_like_) options_.mix = *Mix::Parse(Mix::kMailLike);
    if (options_.message_count == 0 && options_.duration == Duration::zero()) options_.duration = kDurationDefault;
    return options_;
  }

 private:
  void AddLoad() {
    CLI::Option_group& load = *app_.add_option_group("The load");
    load.add_option("-c,--connections", options_.connection_count, "At a time; 10")
        ->check(CLI::Range(size_t{1}, kConnectionCountMax));
    load.add_option("-m,--messages", options_.message_count, "End after so many; behind the warm-up");
    AddDuration(load, "-d,--duration", "End after this time; 10 s unless --messages says when", options_.duration);
    AddDuration(load, "--warm-up", "Load the server for so long before anything counts", options_.warm_up);
    load.add_option("--rate", options_.rate, "Open loop: begin so many messages a second, come what may")
        ->check(CLI::Range(0.001, kRateMax));
    load.add_option("--idle", options_.idle_count, "Hold so many connections more, which say nothing")
        ->check(CLI::Range(size_t{0}, kConnectionCountMax));
    load.add_option("--sources", options_.source_count, "Come from so many addresses, 127.0.0.1 and on")
        ->check(CLI::Range(size_t{1}, kSourceCountMax));
    load.add_option("--threads", options_.thread_count, "Reactors that make the load; 1")
        ->check(CLI::Range(size_t{1}, kThreadCountMax));
  }

  void AddMessages() {
    CLI::Option_group& messages = *app_.add_option_group("The messages");
    CLI::Option& size =
        *AddParsed<Mix>(messages, "-s,--size", "Of each, header and all: 4k; or several with weights: 4k:90,1m:10",
                        options_.mix, Mix::Parse, "a size, as 1000, 24k or 4k:90,1m:10")
             ->type_name("SIZE");
    messages.add_flag("--mix", mail_like_, absl::StrCat("Sizes as mail has them: ", Mix::kMailLike))->excludes(&size);
    messages.add_option("-r,--recipients", options_.recipient_count, "Of each message; 1")
        ->check(CLI::Range(size_t{1}, kRecipientCountMax));
    messages.add_option("--from", options_.from, "The sender; load@load.example");
    messages.add_option("--to", options_.to, "The recipient; several are numbered: load1@..., load2@...");
  }

  void AddConversation() {
    CLI::Option_group& conversation = *app_.add_option_group("The conversation");
    conversation.add_option("--messages-per-connection", options_.messages_per_connection,
                            "1: a new connection for each message; 0, unless said: connections are kept");
    conversation.add_flag("--no-pipelining{false}", options_.pipelining, "Wait for each reply although it is offered");
    conversation.add_flag("--no-bdat{false}", options_.chunking, "DATA although CHUNKING is offered");
    AddDuration(conversation, "--timeout", "For a connection, and for each reply; 30 s", options_.timeout);
  }

  void AddOutput() {
    CLI::Option_group& output = *app_.add_option_group("What is told");
    output.add_option("--pid", options_.pid, "The server's: tells its CPU and memory, with those of its children")
        ->check(CLI::PositiveNumber);
    output.add_flag("--json", options_.json, "The result for programs, instead of text");
    output.add_option("--report", options_.report_file, "The result with plots, as a page that needs no network")
        ->type_name("FILE.html");
  }

  CLI::App app_{"Loads any SMTP server, and tells how fast it is.", "load"};
  LoadOptions options_;
  bool mail_like_ = false;  // --mix
};

}  // namespace

std::vector<std::string> LoadOptions::Recipients() const {
  if (recipient_count == 1) return {to};
  const size_t at = to.rfind('@');
  std::vector<std::string> recipients;
  for (size_t i = 1; i <= recipient_count; ++i) {
    recipients.push_back(absl::StrCat(to.substr(0, at), i, to.substr(at)));
  }
  return recipients;
}

std::optional<IpAddress> LoadOptions::Source(size_t index) const {
  if (source_count == 0) return std::nullopt;
  const size_t host = 1 + index % source_count;
  IpAddress ip{.family = AddressFamily::kIPv4, .bytes = {127}};
  for (size_t i = 0; i < 3; ++i) ip.bytes[i + 1] = static_cast<uint8_t>(host >> (16 - 8 * i));
  return ip;
}

std::variant<LoadOptions, int> ParseOptions(int argc, const char* const* argv) {
  return OptionParser().Parse(argc, argv);
}

std::string Summary(const LoadOptions& options) {
  std::vector<std::string> parts;
  const auto counted = [](uint64_t count, std::string_view what) {
    return absl::StrCat(CountText(count), " ", what, count == 1 ? "" : "s");
  };
  parts.push_back(counted(options.connection_count, "connection"));
  if (options.messages_per_connection > 0) {
    parts.push_back(absl::StrCat(counted(options.messages_per_connection, "message"), " on each"));
  }
  if (options.idle_count > 0) parts.push_back(absl::StrCat(CountText(options.idle_count), " more idle"));
  parts.push_back(options.rate > 0 ? absl::StrCat("open loop at ", NumberText(options.rate), "/s") : "closed loop");
  parts.push_back(absl::StrCat("messages of ", options.mix.ToString()));
  parts.push_back(counted(options.recipient_count, "recipient"));
  parts.push_back(options.pipelining ? "PIPELINING if offered" : "no PIPELINING");
  parts.push_back(options.chunking ? "BDAT if offered" : "DATA");
  if (options.source_count > 0) parts.push_back(counted(options.source_count, "source address"));
  if (options.thread_count > 1) parts.push_back(counted(options.thread_count, "thread"));
  std::string text;
  for (const std::string& part : parts) absl::StrAppend(&text, text.empty() ? "" : ", ", part);
  return text;
}

}  // namespace postern
