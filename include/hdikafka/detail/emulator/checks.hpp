// Whether an emulator's options, and what is arranged later, can be served.
#ifndef HDIKAFKA_DETAIL_EMULATOR_CHECKS_HPP
#define HDIKAFKA_DETAIL_EMULATOR_CHECKS_HPP

#include <hdikafka/detail/emulator/assertion.hpp>
#include <hdikafka/detail/emulator/federated_assertion.hpp>
#include <hdikafka/detail/emulator/options.hpp>
#include <hdikafka/detail/emulator/topic.hpp>
#include <hdikafka/detail/http/scan.hpp>
#include <hdikafka/result.hpp>

#include <chrono>
#include <string_view>

namespace hdikafka::inline v0_1::detail::emulation {

inline bool is_refusal(int status) noexcept { return status >= 400 && status <= 599; }

inline result<void> check_quirks(emulator_quirks const& quirks)
{
    if (quirks.nodes() < 1)
        return error(errc::invalid_option, "there is at least one node");
    if (quirks.node_delay().count() < 0 || quirks.leaders_after().count() < 0 ||
        quirks.partitions_after().count() < 0)
        return error(errc::invalid_option, "a time is negative");
    if (!is_refusal(quirks.leaderless_status()))
        return error(errc::invalid_option, "leaderless_status is 400 to 599");
    return {};
}

/// Whether the options can be served.
inline result<void> check_options(emulator_options const& options)
{
    auto const wrong = [](char const* what) { return error(errc::invalid_option, what); };
    for (char const c : options.tenant())
        if (c != '.' && (c == '_' || !valid_emulator_topic(std::string_view(&c, 1))))
            return wrong("a tenant is made of [A-Za-z0-9.-]");
    if (options.tenant().empty() || options.client_id().empty() || options.client_secret().empty())
        return wrong("the tenant, the client id and the client secret must not be empty");
    if (!options.client_certificates().empty())
        if (auto const read = read_registered_certificates(options.client_certificates()); !read)
            return read.error();
    for (auto const& each : options.federated_credentials()) {
        if (each.issuer().empty() || each.subject().empty() || each.audience().empty())
            return wrong("a federated credential has an issuer, a subject and an audience");
        if (auto const read = read_federated_keys(each.keys()); !read)
            return read.error();
    }
    if (options.identity_header().empty() || !has_no_control(options.identity_header()) ||
        !has_no_control(options.arc_key_file()))
        return wrong("the identity header or the path of Arc's key cannot stand in a header field");
    if (options.token_lifetime().count() < 0 ||
        options.token_refresh_in().value_or(std::chrono::seconds()).count() < 0 ||
        options.visibility_delay().count() < 0 || options.latency().count() < 0 ||
        options.idle_timeout().count() <= 0 || options.request_timeout().count() <= 0)
        return wrong("a time is negative");
    if (options.admin() && !options.address().starts_with("127.") && options.address() != "::1")
        return wrong("admin(true) needs a loopback address: whoever reaches the emulator could break it");
    int const status = options.out_of_range_status();
    if (status != 200 && !is_refusal(status))
        return wrong("out_of_range_status is 200 or 400 to 599");
    if (options.max_partitions() < 1 || options.max_topics() < 1 || options.max_connections() < 1)
        return wrong("a maximum is less than 1");
    return check_quirks(options.quirks());
}

} // namespace hdikafka::inline v0_1::detail::emulation

#endif
