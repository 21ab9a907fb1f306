// The end of `load --help`: examples, and how to read what is told.
//
// A constant.

#ifndef POSTERN_BENCH_LOAD_HELP_TEXT_H_
#define POSTERN_BENCH_LOAD_HELP_TEXT_H_

#include <string_view>

namespace postern {

inline constexpr std::string_view kHelpText = R"(
Examples:
  load 127.0.0.1:2525 --to kim@here.example                        10 s, 10 connections, messages of 4 KiB
  load mx.example.org -c 50 -m 100000 -s 1k --no-pipelining        as smtp-source -s 50 -m 100000 -l 1024 -d
  load 127.0.0.1:2525 --rate 5000 -d 30 --warm-up 5 --pid 4711     is it quick enough at 5,000 messages a second?
  load 127.0.0.1:2525 --mix --report load.html                     sizes as mail has them, and a page with plots
  load 127.0.0.1:2525 --messages-per-connection 1 --sources 50     a connection for each message, from 50 addresses
  load 127.0.0.1:2525 --idle 50000 --sources 10 --pid 4711         what do 50,000 silent connections cost?

How to read the result:
  A closed loop (without --rate) asks each connection's next question when the last was answered: it finds the most
  that the server takes, and its latencies are those of a server that is full. An open loop (--rate) begins messages at
  fixed times, as the world does. When the server stalls, messages that were due meanwhile wait for a connection, and
  that time is part of their latency, in every row: so a stall is seen by all who would have met it (no coordinated
  omission). For latencies take an open loop, at some 70 % of what the closed loop has found.

  connect       until the connection stands: the server's accept, and the system
  MAIL          from MAIL to its reply
  end of data   from the last byte of the message to the reply by which the server takes charge of it: what it costs
                to make it durable
  message       from when it was due until the same: all of the conversation, and the connection if it needed one
  p99           99 of 100 were as fast or faster; max is the slowest of all

  With pipelining the replies to MAIL and to the end of a small message may come at once, and MAIL shows that.
  "never begun" are messages of an open loop that were due, and for which no connection was free before the end. They
  count in the percentiles as if they had been begun at the end, which is less than the truth: the server (or
  --connections) does not keep up with the rate.
  The server's CPU is user and system time of the process and all its children while messages counted; its memory is
  what they have resident, and pages that they share count in each. The generator's own CPU is told too: when it is
  near 100 % of its threads, it is the generator that was measured: give it --threads, and processors that the server
  does not use.

  Sizes are bytes of the message as it is stored, header and all. TLS is not spoken yet.
  Ctrl-C ends the load and tells the result so far; again, it ends at once.

Exit codes: 0 when all messages were taken, 1 when some were not, 64 for the command line, 69 when nobody answers.)";

}  // namespace postern

#endif  // POSTERN_BENCH_LOAD_HELP_TEXT_H_
