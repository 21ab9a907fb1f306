// FailureText says in words why a message or a connection failed, as it is counted and told.
//
// Plain functions, on any thread.

#ifndef POSTERN_BENCH_LOAD_FAILURE_TEXT_H_
#define POSTERN_BENCH_LOAD_FAILURE_TEXT_H_

#include <string>

#include "net/op.h"
#include "smtp/reply_parser.h"

namespace postern {

const char* FailureText(NetError error);

// "452 4.3.1 Insufficient system storage": the first line, or our own words when no reply came.
std::string FailureText(const ServerReply& reply);

}  // namespace postern

#endif  // POSTERN_BENCH_LOAD_FAILURE_TEXT_H_
