"""Which providers there are."""

from collections.abc import Mapping

from receiver.providers.azure import Azure
from receiver.providers.bitbucket import Bitbucket
from receiver.providers.bitbucket_dc import BitbucketDataCenter
from receiver.providers.event import Provider
from receiver.providers.generic import Generic
from receiver.providers.gitea import Forgejo, Gitea
from receiver.providers.github import GitHub
from receiver.providers.gitlab import GitLab

PROVIDERS: Mapping[str, Provider] = {
    provider.name: provider
    for provider in (GitHub(), GitLab(), Gitea(), Forgejo(), Bitbucket(), BitbucketDataCenter(), Azure(), Generic())
}
"""By the name in their addresses, which is the forge's in declarations."""
