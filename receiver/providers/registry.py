"""Which providers there are."""

from collections.abc import Mapping

from receiver.providers.event import Provider
from receiver.providers.github import GitHub
from receiver.providers.gitlab import GitLab

PROVIDERS: Mapping[str, Provider] = {provider.name: provider for provider in (GitHub(), GitLab())}
