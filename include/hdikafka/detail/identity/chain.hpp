// Several sources of tokens, of which the first that is there is used.
#ifndef HDIKAFKA_DETAIL_IDENTITY_CHAIN_HPP
#define HDIKAFKA_DETAIL_IDENTITY_CHAIN_HPP

#include <hdikafka/detail/base/fwd.hpp>
#include <hdikafka/detail/call/token_source.hpp>
#include <hdikafka/detail/net/transport.hpp>
#include <hdikafka/detail/run/operation.hpp>
#include <hdikafka/detail/run/task.hpp>
#include <hdikafka/error.hpp>
#include <hdikafka/result.hpp>

#include <algorithm>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace hdikafka::inline v0_1::detail {

template <class = void>
class chained_source final : public token_source
{
public:
    explicit chained_source(std::vector<token_source_ptr> sources) : sources_(std::move(sources))
    {
        if (sources_.size() > 1)
            chained_source::join_chain();
    }

    task request(operation_ptr op, transport_ptr http, std::string const& claims, token_grant& grant) override
    {
        if (kept_) {
            auto outcome = co_await kept_->request(op, http, claims, grant);
            co_return outcome;
        }
        for (token_source_ptr const& source : sources_) {
            token_grant part;
            result<void> outcome;
            op->end_phase(); // that of the one before
            try {
                outcome = co_await source->request(op, http, claims, part);
            } catch (error const& thrown) {
                outcome = thrown;
            } catch (...) {
                grant.source = part.source;
                throw;
            }
            bool const there = outcome || outcome.error().code() != errc::no_credential;
            if (!there && part.passed_over.empty()) // it is no chain itself
                part.passed_over = reason(part.source, outcome.error().cause());
            append(grant.passed_over, part.passed_over);
            if (there) {
                grant.source = std::move(part.source);
                grant.token = std::move(part.token);
                kept_ = outcome ? source : nullptr;
                co_return outcome;
            }
        }
        co_return error(errc::no_credential, "no credential was found: " + grant.passed_over);
    }

    void join_chain() noexcept override
    {
        for (token_source_ptr const& source : sources_)
            source->join_chain();
    }

    /// Only who has seen a token asks, hence after kept_ was set for good.
    bool renewable() const noexcept override
    {
        auto const can = [](token_source_ptr const& source) { return source->renewable(); };
        return kept_ ? kept_->renewable() : std::ranges::any_of(sources_, can);
    }

private:
    /// Many a cause begins with the name itself, without the "(IMDS)" of "managed identity (IMDS)".
    static std::string reason(std::string const& name, std::string const& cause)
    {
        return cause.starts_with(name.substr(0, name.find(" ("))) ? cause : name + ": " + cause;
    }

    static void append(std::string& reasons, std::string_view more)
    {
        if (!reasons.empty() && !more.empty())
            reasons += "; ";
        reasons += more;
    }

    std::vector<token_source_ptr> const sources_;
    token_source_ptr kept_; // the one that has given a token
};

} // namespace hdikafka::inline v0_1::detail

#endif
