"""Sequential networks that give temporally dense flow: fed with counts of events, trained by sharpening alone."""

from efields.motion.networks.checkpoint import load_flow_network, save_flow_network
from efields.motion.networks.dense_flow import DenseFlow, network_flow
from efields.motion.networks.network import Config, FlowNetwork

__all__ = ["Config", "DenseFlow", "FlowNetwork", "load_flow_network", "network_flow", "save_flow_network"]
