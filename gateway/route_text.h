// A route in words: which way it is, what bounds it, when it tries again.
//
// Plain functions without state, usable on any thread, for the commands that tell people what a configuration means.

#ifndef POSTERN_GATEWAY_ROUTE_TEXT_H_
#define POSTERN_GATEWAY_ROUTE_TEXT_H_

#include <string>

#include "relay/retry_policy.h"
#include "relay/route.h"

namespace postern {

// "maildir /var/mail/{domain}/{local}", "next_hop a.internal:25, b.internal:25", "reject: this domain has moved".
std::string WayText(const Route& route);

// "10 connections to a host, 8 messages each; 100 recipients in a transaction; no limit of size"; of a route that
// speaks no SMTP only its size.
std::string LimitsText(const Route& route);

// "after 15m, 30m, 1h, then every 4h; given up after 2d (urgent 1d, non-urgent 3d); no delay notice"
std::string ScheduleText(const RetryPolicy& policy);

}  // namespace postern

#endif  // POSTERN_GATEWAY_ROUTE_TEXT_H_
