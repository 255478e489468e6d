// Where tokens come from: what the cache asks, and what every kind of credential answers.
#ifndef HDIKAFKA_DETAIL_CALL_TOKEN_SOURCE_HPP
#define HDIKAFKA_DETAIL_CALL_TOKEN_SOURCE_HPP

#include <hdikafka/access_token.hpp>
#include <hdikafka/detail/net/transport.hpp>
#include <hdikafka/detail/run/operation.hpp>
#include <hdikafka/detail/run/task.hpp>

#include <string>

namespace hdikafka::inline v0_1::detail {

/// A token, and who gave it.
class token_grant
{
public:
    token_grant() = default;

    access_token token;
    std::string source;      ///< "client secret", "managed identity (IMDS)", …; also after a failure.
    std::string passed_over; ///< Of a chain: which credentials came before, and why they were not used.
};

class token_source
{
public:
    virtual ~token_source() = default;

    /// Asks for a token, as the operation `op`, over the connections of `http`. `claims`: what a claims
    /// challenge wants, as JSON, or empty. Fails with errc::no_credential, and only then, when there is
    /// nothing here to ask with: a chain goes on to its next. One request at a time.
    virtual task request(operation_ptr op, transport_ptr http, std::string const& claims,
                         token_grant& grant) = 0;

    /// It is one of several: whether it is here at all must be found out fast. Before the first request.
    virtual void join_chain() noexcept {}

    /// Whether asking again can give another token.
    virtual bool renewable() const noexcept { return true; }
};

} // namespace hdikafka::inline v0_1::detail

#endif
