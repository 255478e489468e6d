// Several sources of tokens, of which the first that is there is used; which these are by default; and what
// makes all kinds of them, as credential.hpp and the headers of its kinds declare it.
#ifndef HDIKAFKA_DETAIL_IDENTITY_CHAIN_HPP
#define HDIKAFKA_DETAIL_IDENTITY_CHAIN_HPP

#include <hdikafka/credential.hpp>
#include <hdikafka/detail/base/fwd.hpp>
#include <hdikafka/detail/call/token_caches.hpp>
#include <hdikafka/detail/call/token_source.hpp>
#include <hdikafka/detail/http/syntax.hpp>
#include <hdikafka/detail/identity/azure_cli.hpp>
#include <hdikafka/detail/identity/entra.hpp>
#include <hdikafka/detail/identity/managed_identity.hpp>
#include <hdikafka/detail/identity/settings.hpp>
#include <hdikafka/detail/identity/sources.hpp>
#include <hdikafka/detail/net/transport.hpp>
#include <hdikafka/detail/rest/service_error.hpp>
#include <hdikafka/detail/run/operation.hpp>
#include <hdikafka/detail/run/task.hpp>
#include <hdikafka/error.hpp>
#include <hdikafka/result.hpp>

#include <algorithm>
#include <array>
#include <functional>
#include <memory>
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

/// The credentials of Azure's own libraries, in their order.
template <class Lazy = void>
class default_source final : public token_source
{
public:
    explicit default_source(entra_settings settings) : settings_(std::move(settings)) {}

    task request(operation_ptr op, transport_ptr http, std::string const& claims, token_grant& grant) override
    {
        if (!chain_) {
            auto const made = make_chain();
            if (!made)
                co_return made.error();
        }
        auto outcome = co_await chain_->request(op, http, claims, grant);
        co_return outcome;
    }

    void join_chain() noexcept override { joined_ = true; }

private:
    /// Names one kind as AZURE_TOKEN_CREDENTIALS does.
    class kind
    {
    public:
        std::string_view name;
        std::string_view group; ///< Which of "prod" and "dev" means it, too.
        token_source_ptr (*make)(entra_settings const& settings) = nullptr;
    };

    static token_source_ptr managed_identity(entra_settings const& settings)
    {
        managed_identity_settings whose;
        whose.client_id = name_variable("AZURE_CLIENT_ID");
        whose.scope = settings.scope;
        return std::make_shared<managed_identity_source<Lazy>>(std::move(whose));
    }

    static token_source_ptr azure_cli(entra_settings const& settings)
    {
        azure_cli_settings how;
        how.scope = settings.scope;
        return std::make_shared<azure_cli_source<Lazy>>(std::move(how));
    }

    template <class Source, class Settings>
    static token_source_ptr service_principal(entra_settings const& settings)
    {
        return std::make_shared<Source>(Settings(settings));
    }

    static constexpr kind kinds[] = {
        {"EnvironmentCredential", "prod", &service_principal<environment_source<Lazy>, entra_settings>},
        {"WorkloadIdentityCredential", "prod",
         &service_principal<workload_identity_source<Lazy>, workload_identity_settings>},
        {"ManagedIdentityCredential", "prod", &managed_identity},
        {"AzureCliCredential", "dev", &azure_cli},
    };

    /// What Azure's own libraries have besides.
    static constexpr std::array<std::string_view, 8> known_elsewhere{
        "VisualStudioCredential",      "VisualStudioCodeCredential",   "AzurePowerShellCredential",
        "AzureDeveloperCliCredential", "InteractiveBrowserCredential", "BrokerCredential",
        "SharedTokenCacheCredential",  "AzurePipelinesCredential"};

    result<void> make_chain()
    {
        std::string const choice = name_variable("AZURE_TOKEN_CREDENTIALS");
        std::vector<token_source_ptr> chosen;
        std::string choices = "prod, dev";
        for (kind const& one : kinds) {
            if (choice.empty() || equals_ignoring_case(choice, one.name) ||
                equals_ignoring_case(choice, one.group))
                chosen.push_back(one.make(settings_));
            choices += ", ";
            choices += one.name;
        }
        if (chosen.empty()) {
            bool const elsewhere = std::ranges::any_of(known_elsewhere, [&choice](std::string_view one) {
                return equals_ignoring_case(one, choice);
            });
            return error(errc::invalid_option,
                         "AZURE_TOKEN_CREDENTIALS is '" + bounded_message(choice, 100) + "', which is " +
                             (elsewhere ? "known, but not supported here; supported are: " : "none of: ") +
                             choices);
        }
        chain_ = std::make_shared<chained_source<Lazy>>(std::move(chosen));
        if (joined_)
            chain_->join_chain();
        return result<void>();
    }

    entra_settings settings_;
    token_source_ptr chain_; // of what the environment wants, since the first request
    bool joined_ = false;
};

template <class Source, class Settings>
token_source_ptr make_token_source(Settings settings)
{
    return std::make_shared<Source>(std::move(settings));
}

template <class Lazy>
token_caches_ptr make_token_caches(std::function<token_source_ptr()> make, bool for_all)
{
    return std::make_shared<token_caches<Lazy>>(std::move(make), for_all);
}

} // namespace hdikafka::inline v0_1::detail

#endif
