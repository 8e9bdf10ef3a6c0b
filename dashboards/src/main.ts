import './styles/tokens.css';
import './styles/base.css';
import { systemClock } from '@bellwether/shared/clock';
import { mount } from 'svelte';
import Shell from './shell.svelte';

mount(Shell, { target: document.getElementById('app')!, props: { clock: systemClock } });
